"""What every repair module has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

from torch import Tensor, nn


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


class RepairModule(nn.Module, ABC):
    """A small network that repairs the shallow features of a classifier.

    Training form: ``forward(image, features) -> features`` of the same shape, all (B, C, H, W).
    """

    @abstractmethod
    def forward(self, image: Tensor, features: Tensor) -> Tensor:
        """Repairs the stem's features with the help of the image they came from."""

    def check(self, image_side: int, feature_side: int) -> None:
        """Raises ValueError, in words, where images and features of these sides (pixels) do not fit the module."""

    @abstractmethod
    def reparameterize(self) -> nn.Module:
        """The deploy form: an equal function of plain convolutions. Leaves this module as it is.

        Raises:
            RuntimeError: The module is in training mode, where batch norms are not fixed yet: call ``eval()`` first.
        """
