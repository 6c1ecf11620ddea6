"""What the places have in common: where a repair module goes, and what that makes of module and backbone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mobile_robust.contracts.recipe import BackboneSection, Recipe
from mobile_robust.errors import InputError, unknown
from mobile_robust.methods.adapter import Deployable, ImageRange, Part


class Normalize(nn.Module):
    """(image - mean) / std per channel.

    Written as a depthwise 1x1 convolution: TFLite's converter lays that out channels last like its neighbours, where
    the plain arithmetic costs it two transposes of the whole image.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, image_range: ImageRange) -> None:
        super().__init__()
        mean, std = (torch.tensor(v, dtype=torch.float64) for v in image_range)
        self.register_buffer("weight", (1 / std).float()[:, None, None, None], persistent=False)
        self.register_buffer("bias", (-mean / std).float(), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, 3, H, W)."""
        return F.conv2d(image, self.weight, self.bias, groups=3)


class Pipeline(nn.Module, ABC):
    """image (B, 3, H, W), RGB in [0, range] -> logits (B, classes): a classifier with its repair module."""

    @abstractmethod
    def forward(self, image: Tensor) -> Tensor:
        """See the class."""

    @abstractmethod
    def alone(self, image: Tensor) -> Tensor:
        """The logits of the backbone without the module: what the repair is compared with."""


class Classifier(Pipeline):
    """normalize -> network, nothing else: a backbone alone in both forms, or one whose module is inside its layers."""

    def __init__(self, network: nn.Module, image_range: ImageRange) -> None:
        super().__init__()
        self.normalize, self.network = Normalize(image_range), network

    def forward(self, image: Tensor) -> Tensor:
        """See :class:`Pipeline`."""
        return self.network(self.normalize(image))

    def alone(self, image: Tensor) -> Tensor:
        """See :class:`Pipeline`."""
        return self(image)


class Place(ABC):
    """A module in its place on a backbone.

    Made in three steps, because a module may need to know the backbone's weights: the place itself, the backbone's
    weights (of :attr:`needed` at least), :meth:`set_module`.

    Args:
        recipe: The recipe.
        network: The recipe's backbone in eval mode, or None where it has none.

    Attributes:
        module: The repair module, training form, eval mode.
        where: The module's place, in words.
    """

    module: Deployable
    where: str

    def __init__(self, recipe: Recipe, network: nn.Module | None) -> None:
        self.recipe, self.network = recipe, network

    @property
    def backbone(self) -> BackboneSection:
        """The recipe's backbone.

        Raises:
            InputError: It has none.
        """
        if self.recipe.backbone is None:
            raise InputError(f"recipe {self.recipe.name}: method {self.recipe.method} needs a [backbone]")
        return self.recipe.backbone

    @property
    @abstractmethod
    def needed(self) -> tuple[nn.Module, str] | None:
        """What of the backbone a module by itself needs the weights of, and its name in words."""

    @abstractmethod
    def set_module(self) -> None:
        """Makes :attr:`module` with initial weights drawn from PyTorch's generator.

        Raises:
            InputError: Wrong options, or a backbone or image size the method cannot take.
        """

    @abstractmethod
    def pipeline(self) -> Pipeline:
        """Image to logits, training form, eval mode; shares its tensors with module and backbone."""

    @abstractmethod
    def deploy(self) -> nn.Module:
        """The same function in deploy form, without batch norms."""

    @abstractmethod
    def part(self, name: str | None) -> Part:
        """The module, or a piece of it.

        Raises:
            InputError: The method has no such piece.
        """

    def normalization(self) -> ImageRange:
        """What the backbone wants, in units of the recipe's image."""
        top, mean, std = self.recipe.input.range, self.recipe.input.mean, self.recipe.input.std
        return ImageRange(
            mean=(mean[0] * top, mean[1] * top, mean[2] * top), std=(std[0] * top, std[1] * top, std[2] * top)
        )

    def checked(self, network: nn.Module) -> Any:
        """What the backbone, or its stem, gives for a black image of the recipe's size.

        Raises:
            InputError: It cannot take such an image.
        """
        try:
            with torch.no_grad():
                return network(torch.zeros(1, 3, *self.recipe.input.height_width))
        except (AssertionError, RuntimeError, TypeError, ValueError) as error:
            size = self.recipe.input.words()
            raise InputError(f"backbone {self.backbone.name} cannot take an RGB image of {size}: {error}") from None

    def unknown_part(self, name: str, known: list[str]) -> InputError:
        """The error of a piece that there is not."""
        if not known:
            return InputError(f"recipe {self.recipe.name}: method {self.recipe.method} has no parts, got {name!r}")
        return unknown(f"part of method {self.recipe.method}", name, known)
