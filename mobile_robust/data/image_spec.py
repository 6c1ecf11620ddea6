"""The one way from a uint8 photo to the numbers a network takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mobile_robust.contracts.manifest import Layout
from mobile_robust.contracts.recipe import InputSection
from mobile_robust.data.images import Photo, Size

if TYPE_CHECKING:
    from torch import Tensor


def scaled(values: NDArray[np.uint8] | NDArray[np.float32], scale: float) -> NDArray[np.float32]:
    """uint8 or float32 of any shape -> float32 of the same shape: the product with ``scale``, rounded once."""
    return values.astype(np.float32) * np.float32(scale)


@dataclass(frozen=True)
class ImageSpec:
    """The RGB image a network or an artifact takes: height and width in pixels, and the values of black and white."""

    size: Size
    low: float = 0.0
    high: float = 255.0

    @classmethod
    def of(cls, section: InputSection) -> ImageSpec:
        """That of a recipe."""
        return cls(section.height_width, high=float(section.range))

    @property
    def scale(self) -> float:
        """What a uint8 value is multiplied with."""
        return (self.high - self.low) / 255

    def array(self, photos: Sequence[Photo] | NDArray[np.uint8], layout: Layout = "NCHW") -> NDArray[np.float32]:
        """B photos, uint8 (H, W, 3) -> float32 (B, 3, H, W) or (B, H, W, 3), contiguous, values in [low, high]."""
        values = scaled(np.asarray(photos), self.scale)  # (B, H, W, 3)
        if self.low:
            values += np.float32(self.low)
        return values if layout == "NHWC" else np.ascontiguousarray(values.transpose(0, 3, 1, 2))

    def photo(self, values: NDArray[np.float32], layout: Layout = "NCHW") -> Photo:
        """Back to 8 bits: one image (3, H, W) or (H, W, 3), float32, any value -> uint8 (H, W, 3), clamped."""
        pixels = np.rint((values - np.float32(self.low)) / np.float32(self.scale)).clip(0, 255).astype(np.uint8)
        return pixels if layout == "NHWC" else np.ascontiguousarray(pixels.transpose(1, 2, 0))

    def tensor(self, photos: Tensor) -> Tensor:
        """The same in PyTorch, on the device of the photos: uint8 (B, H, W, 3) -> float32 (B, 3, H, W), a view that is
        channels last in memory."""
        values = photos.permute(0, 3, 1, 2).float() * self.scale
        return values + self.low if self.low else values
