"""Block DCT: RGB image -> 8x8 blocks -> one channel per colour and frequency (AFD, section III-B, Eq. 3 and Fig. 5)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mobile_robust.layers.fuse import Kernel, conv_of, fold_affine_before

BLOCK = 8
#: JPEG moves samples from [0, 255] to [-128, 127] before its DCT (ITU-T T.81, A.3.1).
LEVEL_SHIFT = 128 / 255

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
        with torch.autocast(image.device.type, enabled=False):  # coefficients are small differences of large sums
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


class DeployedBlockConv(nn.Module):
    """A convolution over the 8x8 blocks of an image, (B, 3, H, W) -> (B, C, H/8, W/8), that first makes JPEG's level
    shift.

    Its bias could hold the shift too, but a GPU sums in half precision, where the products of a bright, even block are
    large and cancel badly. Converters move a shift into the convolution that follows it; not beyond a reshape: hence
    the eight pixels that lie side by side as channels, which costs a CPU no time.
    """

    level: Tensor

    def __init__(self, kernel: Kernel, mean: Tensor, std: Tensor) -> None:
        """``kernel``, weight (C, 3, 8, 8), is for RGB in [0, 1]; the image is (rgb - mean) / std, (3,) each."""
        super().__init__()
        # image * std + mean = (image - level) * std + LEVEL_SHIFT
        level = (LEVEL_SHIFT - mean) / std
        kernel = fold_affine_before(std, torch.full_like(mean, LEVEL_SHIFT), kernel)
        same = bool((level == level[0]).all())
        # One number where there is one: runtimes subtract it faster than one per channel.
        self.register_buffer("level", level[0].clone() if same else level, persistent=False)
        weight = kernel.weight.permute(0, 3, 1, 2).flatten(1, 2)[..., None]  # (C, 8 * 3, 8, 1)
        self.conv = conv_of(Kernel(weight, kernel.bias), stride=(BLOCK, 1))

    def forward(self, image: Tensor) -> Tensor:
        batch, colours, height, width = image.shape
        pixels = image.permute(0, 2, 3, 1) - self.level  # (B, H, W, 3)
        rows = pixels.reshape(batch, height, width // BLOCK, BLOCK * colours).permute(0, 3, 1, 2)  # (B, 24, H, W/8)
        return self.conv(rows)
