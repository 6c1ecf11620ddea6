"""A small, anti-aliased copy of a large image's centre, cheap enough for a phone."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

#: The short side of the copy, and the side of the square cut from its centre (SyMPIE, section 3.3).
SHORT, SIDE = 232, 224


class Downscale(nn.Module):
    """image (B, 3, H, W) -> (B, 3, 224, 224): short side to 232, then the centre; smaller images stay as they are.

    Blocks of k x k pixels, k = round(short / 232), are averaged first: that takes away what the small copy cannot hold.
    A bilinear resize by the factor that is left (0.7 to 1.5) does the rest. Pooling the whole frame is the cheapest
    way: at 1080x1920 in TFLite on one thread 0.04 of ResNet-50 at 224, where a triangle low-pass (two strided
    convolutions) takes 0.10 and cutting the frame before pooling it 0.07. In int8 XNNPACK has no average pool, and
    with LiteRT's own and the frame's quantization this takes almost three times as long as in float.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        short = min(size)
        self.needed = short > SHORT
        self.block = round(short / SHORT)
        height, width = (round(side * SHORT / short) for side in size)
        self.resized = (height, width)
        self.top, self.left = (height - SIDE) // 2, (width - SIDE) // 2

    def forward(self, image: Tensor) -> Tensor:
        if not self.needed:
            return image
        x = F.avg_pool2d(image, self.block) if self.block > 1 else image
        x = F.interpolate(x, size=self.resized, mode="bilinear", align_corners=False)
        return x[:, :, self.top : self.top + SIDE, self.left : self.left + SIDE]
