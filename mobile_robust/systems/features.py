"""Between two layers: the backbone is cut into stem | tail, and the module repairs what the stem gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from mobile_robust.backbones.split import create_backbone
from mobile_robust.contracts.recipe import Recipe
from mobile_robust.contracts.tensors import Role, TensorSpec
from mobile_robust.errors import InputError
from mobile_robust.methods.adapter import FeatureRepair, ImageRange, Part, deploy_form
from mobile_robust.systems.place import Normalize, Pipeline, Place

#: (channels of the features, the stem's stride, range of the image, the method's options) -> module.
Builder = Callable[[int, int, ImageRange, dict[str, Any]], FeatureRepair]


class FeaturePipeline(Pipeline):
    """normalize -> stem -> repair -> tail."""

    def __init__(self, stem: nn.Module, module: nn.Module, tail: nn.Module, image_range: ImageRange) -> None:
        super().__init__()
        self.normalize = Normalize(image_range)
        self.stem, self.module, self.tail = stem, module, tail

    def features(self, image: Tensor) -> Tensor:
        """The stem's features of an image, (B, C, H/s, W/s)."""
        return self.stem(self.normalize(image))

    def forward(self, image: Tensor) -> Tensor:
        """See :class:`Pipeline`."""
        return self.tail(self.module(image, self.features(image)))

    def alone(self, image: Tensor) -> Tensor:
        """See :class:`Pipeline`."""
        return self.tail(self.features(image))


class FeaturePlace(Place):
    """See the file."""

    def __init__(self, recipe: Recipe, network: nn.Module | None, build: Builder) -> None:
        super().__init__(recipe, network)
        self._build = build
        name = self.backbone.name
        assert network is not None
        self.split = create_backbone(network, name, self.backbone.layer)
        self.where = f"on {name} behind {self.split.layer}"

    @property
    def needed(self) -> tuple[nn.Module, str]:
        """The stem."""
        return self.split.stem, f"the stem of backbone {self.backbone.name}"

    def set_module(self) -> None:
        """See :class:`Place`."""
        recipe, name = self.recipe, self.backbone.name
        features = self.checked(self.split.stem)
        where = f"the features of {name} behind layer {self.split.layer}"
        if not isinstance(features, Tensor) or features.dim() != 4:
            raise InputError(f"{where} are no (B, C, H, W) map; choose another backbone.layer")
        _, channels, height, width = features.shape
        image = recipe.input.height_width
        self.module = self._build(channels, image[0] // height, ImageRange.of(recipe.input.range), recipe.options)
        try:
            self.module.check(image, (height, width))
        except ValueError as error:
            shape = tuple(features.shape[1:])
            raise InputError(f"{where} are {shape}, which method {recipe.method} cannot take: {error}") from None

    def pipeline(self) -> FeaturePipeline:
        """See :class:`Place`."""
        return FeaturePipeline(self.split.stem, self.module, self.split.tail, self.normalization())

    def deploy(self) -> FeaturePipeline:
        """See :class:`Place`."""
        split = self.split.deploy()
        return FeaturePipeline(split.stem, deploy_form(self.module), split.tail, self.normalization())

    def part(self, name: str | None) -> Part:
        """The module: image and features -> repaired features."""
        if name is not None:
            raise self.unknown_part(name, [])
        section = self.recipe.input
        stem = f"features of {self.backbone.name} behind layer {self.split.layer}"
        normalized = f"(rgb / {section.range} - {list(section.mean)}) / {list(section.std)}"
        before = f"the backbone's stem takes the photo normalized: of the same photo as {normalized}"
        features = self.pipeline().features
        return Part(
            self.module,
            lambda image: {"image": image, "features": features(image).contiguous()},
            "repaired",
            (
                TensorSpec("features", Role.FEATURES, stem, normalization=before),
                TensorSpec(
                    "repaired", Role.FEATURES, f"repaired {stem}, for the rest of the network", repairs="features"
                ),
            ),
        )
