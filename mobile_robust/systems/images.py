"""Before the network: the module repairs the image itself, for any backbone or for none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from mobile_robust.backbones.split import deploy_network
from mobile_robust.contracts.recipe import Recipe
from mobile_robust.contracts.tensors import Role, TensorSpec
from mobile_robust.methods.adapter import ImageRange, ImageRepair, Part, deploy_form
from mobile_robust.systems.place import Normalize, Pipeline, Place

#: (height and width of the image, its largest value, the method's options) -> module.
Builder = Callable[[tuple[int, int], float, dict[str, Any]], ImageRepair]


class ImagePipeline(Pipeline):
    """repair -> normalize -> network."""

    def __init__(self, module: nn.Module, network: nn.Module, image_range: ImageRange) -> None:
        super().__init__()
        self.normalize = Normalize(image_range)
        self.module, self.network = module, network

    def forward(self, image: Tensor) -> Tensor:
        """See :class:`Pipeline`."""
        return self.alone(self.module(image))

    def alone(self, image: Tensor) -> Tensor:
        """See :class:`Pipeline`."""
        return self.network(self.normalize(image))


class ImagePlace(Place):
    """See the file."""

    module: ImageRepair

    def __init__(self, recipe: Recipe, network: nn.Module | None, build: Builder) -> None:
        super().__init__(recipe, network)
        self._build = build
        self.where = f"in front of {recipe.backbone.name}" if recipe.backbone else "in front of any network"

    @property
    def needed(self) -> None:
        """Nothing: the module by itself knows no backbone."""
        return None

    def set_module(self) -> None:
        """See :class:`Place`."""
        section = self.recipe.input
        self.module = self._build(section.height_width, section.range, self.recipe.options)

    def pipeline(self) -> ImagePipeline:
        """See :class:`Place`."""
        assert self.network is not None
        return ImagePipeline(self.module, self.network, self.normalization())

    def deploy(self) -> ImagePipeline:
        """See :class:`Place`."""
        assert self.network is not None
        network = deploy_network(self.network, self.backbone.name)
        return ImagePipeline(deploy_form(self.module), network, self.normalization())

    def part(self, name: str | None) -> Part:
        """The module (image -> repaired image), or one of its own parts."""
        parts = self.module.parts()
        if name is not None:
            if name not in parts:
                raise self.unknown_part(name, list(parts))
            return parts[name]
        words = "the photo repaired, RGB, same size and range as the input"
        if self.module.clamped:
            repaired = TensorSpec("repaired", Role.IMAGE, words, (0.0, float(self.recipe.input.range)), repairs="image")
        else:
            repaired = TensorSpec(
                "repaired", Role.IMAGE, f"{words}, which single values may leave: clamp them", repairs="image"
            )
        return Part(self.module, lambda image: {"image": image}, "repaired", (repaired,))
