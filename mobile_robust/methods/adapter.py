"""What the repair modules have in common, and the three places of a classifier that they go to."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor, nn

from mobile_robust.contracts.tensors import TensorSpec


class ImageRange(NamedTuple):
    """How the image a module takes was made from RGB in [0, 1]: image = (rgb - mean) / std, per channel.

    The default is RGB in [0, 1] itself, ``ImageRange.of(255)`` RGB in [0, 255]; timm's mean and std describe the
    tensor a backbone takes.
    """

    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)

    @classmethod
    def of(cls, top: float) -> ImageRange:
        """RGB in [0, top]."""
        return cls(std=(1 / top, 1 / top, 1 / top))


#: RGB in [0, 1].
RGB = ImageRange()


class Deployable(nn.Module, ABC):
    """A network in training form that knows its deploy form."""

    @abstractmethod
    def reparameterize(self) -> nn.Module:
        """The deploy form: an equal function without batch norms. Leaves this network as it is.

        Raises:
            RuntimeError: The network is in training mode, where batch norms are not fixed yet: call ``eval()`` first.
        """


def deploy_form(network: Deployable) -> nn.Module:
    """The deploy form, in float32, with its algebra done in float64: branches that nearly cancel would lose a digit or
    two of their sum in float32.

    Raises:
        RuntimeError: The network is in training mode.
    """
    return copy.deepcopy(network).double().reparameterize().float()


@dataclass(frozen=True)
class Part:
    """A piece of a method that makes a file of its own.

    Attributes:
        network: Training form, takes the inputs in order and gives one tensor.
        sample: The inputs by name for one image (1, 3, H, W), RGB in the recipe's range; the image itself is "image".
        output: Name of the output.
        tensors: What the inputs (other than "image") and the output are.
    """

    network: Deployable
    sample: Callable[[Tensor], dict[str, Tensor]]
    output: str
    tensors: tuple[TensorSpec, ...]


class FeatureRepair(Deployable):
    """Repairs the features between two layers with the help of the image they came from (AFD-Module)."""

    @abstractmethod
    def forward(self, image: Tensor, features: Tensor) -> Tensor:
        """(image (B, 3, H, W), features (B, C, h, w)) -> repaired features (B, C, h, w)."""

    def check(self, image: tuple[int, int], features: tuple[int, int]) -> None:
        """Raises ValueError, in words, where images and features of these sizes (height, width) do not fit."""


class ImageRepair(Deployable):
    """Repairs the image before any network sees it (SyMPIE, and the peers of the latency table).

    Attributes:
        clamped: Whether no value of the repaired image leaves the range.
    """

    clamped: bool = True

    @abstractmethod
    def forward(self, image: Tensor) -> Tensor:
        """image (B, 3, H, W) -> repaired image (B, 3, H, W) in the same range."""

    def parts(self) -> dict[str, Part]:
        """The pieces that an app may want as files of their own, by name."""
        return {}


class FilterRepair(Deployable):
    """Repairs the outputs of some layers' filters, before those layers' batch norms and activations (DeepCorrect).

    Attributes:
        layers: Names of the layers, in the network's order.
    """

    layers: tuple[str, ...]

    @abstractmethod
    def unit(self, layer: str) -> Deployable:
        """The unit of one layer: its output (B, N, h, w) -> the same, corrected."""

    @abstractmethod
    def insert(self, network: nn.Module) -> None:
        """Puts the units behind their layers, in place, and replaces the layers that were trained along."""
