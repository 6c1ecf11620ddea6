"""From RGB in [0, 1] to an image, and from an image to what a backbone wants."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ImageRange(NamedTuple):
    """How an image was made from RGB in [0, 1]: image = (rgb - mean) / std, per channel. By default it is that RGB."""

    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)

    @classmethod
    def of(cls, top: float) -> ImageRange:
        """RGB in [0, top]."""
        return cls(std=(1 / top, 1 / top, 1 / top))


#: RGB in [0, 1].
RGB = ImageRange()


class Normalize(nn.Module):
    """(image - mean) / std per channel, (B, 3, H, W) -> (B, 3, H, W).

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
        return F.conv2d(image, self.weight, self.bias, groups=3)
