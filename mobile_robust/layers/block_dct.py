"""Block DCT: RGB image -> 8x8 blocks -> one channel per colour and frequency (AFD, section III-B, Eq. 3 and Fig. 5)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mobile_robust.layers.fuse import Kernel

BLOCK = 8

#: RGB in [0, 1] -> YCbCr as in JPEG (JFIF 1.02, section 7), without the +1/2 offset of Cb and Cr.
RGB_TO_YCBCR = (
    (0.299, 0.587, 0.114),
    (-0.299 / 1.772, -0.587 / 1.772, 0.886 / 1.772),
    (0.701 / 1.402, -0.587 / 1.402, -0.114 / 1.402),
)


class BlockDCT(nn.Module):
    """RGB in [0, 1], (B, 3, H, W) -> (B, 192, H/8, W/8), H and W multiples of 8.

    Channel ``64 * c + 8 * u + v`` holds, for every block, the coefficient of colour c (Y, Cb, Cr), vertical frequency u
    and horizontal frequency v. Y is level-shifted by 1/2 as in JPEG: its DC lies in [-4, 4], as do those of Cb and Cr.
    """

    channels = 3 * BLOCK * BLOCK

    colour: Tensor
    basis: Tensor

    def __init__(self) -> None:
        super().__init__()
        k = torch.arange(BLOCK, dtype=torch.float64)
        dct = torch.cos(math.pi * (2 * k + 1) * k[:, None] / (2 * BLOCK)) * math.sqrt(2 / BLOCK)  # (frequency, sample)
        dct[0] /= math.sqrt(2)
        basis = torch.einsum("uy,vx->uvyx", dct, dct).reshape(BLOCK * BLOCK, 1, BLOCK, BLOCK)
        # Constants of the transform, not weights: they stay out of the checkpoint.
        self.register_buffer("colour", torch.tensor(RGB_TO_YCBCR, dtype=torch.float64), persistent=False)
        self.register_buffer("basis", basis, persistent=False)
        self.to(torch.get_default_dtype())

    def forward(self, image: Tensor) -> Tensor:
        batch, _, height, width = image.shape
        if height % BLOCK or width % BLOCK:
            raise ValueError(f"image is {height}x{width}; both sides must be multiples of {BLOCK}")
        ycbcr = torch.einsum("cr,brhw->bchw", self.colour, image)
        shift = image.new_tensor([0.5, 0.0, 0.0])[None, :, None, None]
        planes = (ycbcr - shift).reshape(batch * 3, 1, height, width)
        blocks = F.conv2d(planes, self.basis, stride=BLOCK)  # (3B, 64, H/8, W/8)
        return blocks.reshape(batch, self.channels, height // BLOCK, width // BLOCK)

    def kernel(self) -> Kernel:
        """The whole transform as one 8x8 stride-8 convolution: weight (192, 3, 8, 8), bias (192,)."""
        weight = torch.einsum("cr,fyx->cfryx", self.colour, self.basis[:, 0]).reshape(self.channels, 3, BLOCK, BLOCK)
        shift = self.basis.new_zeros(3, BLOCK * BLOCK)
        shift[0] = 0.5 * self.basis.sum((1, 2, 3))
        return Kernel(weight, -shift.reshape(self.channels))
