"""Where an adapter is built for: a recipe's image and backbone, and the insertion point on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from mobile_robust.backbones.block_ends import block_ends
from mobile_robust.backbones.create import create_network
from mobile_robust.backbones.initialization import settle
from mobile_robust.backbones.split import Cut, cut, layer_outputs, prefix_suffix, try_image
from mobile_robust.backbones.stem import stem_end
from mobile_robust.backbones.trained_image import with_input
from mobile_robust.contracts.recipe import LEAST_CLASSES, BackboneSection, Recipe
from mobile_robust.contracts.tensors import Role, TensorSpec
from mobile_robust.data.image_spec import ImageSpec
from mobile_robust.data.images import built_in_photos
from mobile_robust.errors import InputError
from mobile_robust.layers.normalize import ImageRange, Normalize

#: That :meth:`Site.photos` gives.
_PHOTOS = 4
#: That a random backbone's batch norms take their statistics from.
_SETTLING_PHOTOS = 8


@dataclass(frozen=True)
class Site:
    """A recipe with its backbone, in eval mode; None where it has none. What the recipe leaves open of the image is the
    backbone's own."""

    recipe: Recipe
    network: nn.Module | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "recipe", with_input(self.recipe))

    @property
    def section(self) -> BackboneSection:
        """The recipe's backbone; raises InputError where it has none."""
        if self.recipe.backbone is None:
            raise InputError(f"recipe {self.recipe.name}: method {self.recipe.method} needs a [backbone]")
        return self.recipe.backbone

    @property
    def backbone(self) -> nn.Module:
        """The backbone's network; see :attr:`section`."""
        assert self.section and self.network is not None
        return self.network

    @cached_property
    def layer(self) -> str:
        """The insertion point: the recipe's layer, or the one where the stem ends; raises InputError where there is
        none."""
        image = torch.zeros(1, 3, *self.recipe.input.height_width)
        return self.section.layer or stem_end(self.backbone, self.section.name, image)

    @cached_property
    def cut(self) -> Cut:
        """The backbone as stem | tail, behind :attr:`layer`; raises InputError where it cannot be cut there."""
        return cut(self.backbone, self.section.name, self.layer)

    def image_spec(self) -> TensorSpec:
        """The photo that an artifact takes."""
        section = self.recipe.input
        text = f"RGB photo, {section.size_text()}, values in [0, {section.range}]"
        return TensorSpec("image", Role.IMAGE, text, (0.0, float(section.range)))

    def normalize(self) -> Normalize:
        """From the recipe's image to what the backbone takes."""
        top, (mean, std) = self.recipe.input.range, self.recipe.input.normalization
        return Normalize(
            ImageRange((mean[0] * top, mean[1] * top, mean[2] * top), (std[0] * top, std[1] * top, std[2] * top))
        )

    def settle_backbone(self) -> None:
        """See :func:`~mobile_robust.backbones.initialization.settle`; raises InputError where the backbone cannot take
        the image."""
        if isinstance(self.try_image(self.backbone), Tensor):
            settle(self.backbone, self.photos(_SETTLING_PHOTOS))

    def photos(self, count: int = _PHOTOS) -> Tensor:
        """A few of the built-in photos, normalized: (B, 3, H, W)."""
        image = self.recipe.input
        photos = ImageSpec.of(image).array(built_in_photos(image.height_width, count))
        return self.normalize()(torch.from_numpy(photos))

    def output_of(self, layer: str) -> Callable[[Tensor], Tensor]:
        """image (1, 3, H, W) -> the output of a layer, shortcuts around it or not."""
        prefix, _ = prefix_suffix(self.backbone, layer, self.section.name)
        normalize = self.normalize()
        return lambda image: prefix(normalize(image))[-1].contiguous()

    def outputs(self, layers: Sequence[str], image: Tensor) -> dict[str, Tensor]:
        """Layer -> its output for a normalized image (B, 3, H, W); raises InputError for an unknown layer."""
        with torch.no_grad():
            outputs = layer_outputs(self.backbone, layers, self.section.name)(image)
        return dict(zip(layers, outputs, strict=True))

    def block_outputs(self) -> dict[str, Tensor]:
        """The same of every block's end, for :meth:`photos`."""
        photos = self.photos()
        return self.outputs(block_ends(self.backbone, self.section.name, photos[:1]), photos)

    def try_image(self, network: nn.Module) -> Any:
        """What the backbone, or its stem, gives for a black image of the recipe's size; raises InputError where it
        cannot take one."""
        return try_image(network, self.section.name, torch.zeros(1, 3, *self.recipe.input.height_width))

    def check_scores(self) -> None:
        """Raises InputError where the backbone is no classifier."""
        scores = self.try_image(self.backbone)
        if not isinstance(scores, Tensor) or scores.dim() != 2 or scores.shape[1] < LEAST_CLASSES:
            given = f"a tensor {tuple(scores.shape)}" if isinstance(scores, Tensor) else f"a {type(scores).__name__}"
            raise InputError(
                f"backbone {self.section.name}: gives {given} for an image, not the scores of {LEAST_CLASSES} or more "
                f"classes, with options {self.section.options!r}"
            )

    def cut_features(self) -> tuple[int, tuple[int, int]]:
        """Channels and (height, width) of the stem's features; raises InputError where they are no feature map."""
        features = self.try_image(self.cut.stem)
        if not isinstance(features, Tensor) or features.dim() != 4:
            raise InputError(f"{self.cut_text()} are no (B, C, H, W) map; choose another backbone.layer")
        _, channels, height, width = features.shape
        return channels, (height, width)

    def cut_text(self) -> str:
        """The stem's features, for messages."""
        return f"the features of {self.section.name} behind layer {self.layer}"


def create_backbone(section: BackboneSection, download: bool = True) -> nn.Module:
    """A recipe's backbone, in eval mode: random, or with timm's weights where the recipe names them and ``download``
    allows it. Raises InputError, see :func:`~mobile_robust.backbones.create.create_network`."""
    weights = section.weights if download and section.weights else ""
    pretrained = weights.removeprefix("timm:") if weights.startswith("timm:") else None
    return create_network(section.name, section.options, pretrained, section.seed)
