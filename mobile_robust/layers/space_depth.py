"""Blocks of pixels as channels and back, in operations that phones have."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mobile_robust.layers.fuse import Kernel, conv_of


class BlocksConv(nn.Module):
    """``F.pixel_unshuffle(x, block)`` and a convolution behind it, 1x1 or 3x3 that pads 1, as one convolution of the
    image: (B, 3, H, W) -> (B, C, H / block, W / block).

    The blocks' pixels of one row lie side by side as channels, which is how the image is in memory already (channels
    last), so that no pixel is moved; the convolution steps by whole blocks downwards only.
    """

    def __init__(self, kernel: Kernel, block: int) -> None:
        """``kernel``: weight (C, 3 * block², k, k), as it is behind ``F.pixel_unshuffle``."""
        super().__init__()
        self.block = block
        channels, inputs, size, _ = kernel.weight.shape
        self.ring = size // 2
        # (C, colour, row, column, block row, block column) -> (C, column, colour, block row, row, block column)
        weight = kernel.weight.reshape(channels, inputs // block**2, block, block, size, size).permute(0, 3, 1, 4, 2, 5)
        weight = weight.reshape(channels, -1, size * block, size)  # (C, block * 3, k * block, k)
        self.conv = conv_of(Kernel(weight, kernel.bias), stride=(block, 1))

    def forward(self, image: Tensor) -> Tensor:
        batch, colours, height, width = image.shape
        rows = image.permute(0, 2, 3, 1).reshape(batch, height, width // self.block, self.block * colours)
        rows = rows.permute(0, 3, 1, 2)  # (B, block * 3, H, W / block)
        above = self.ring * self.block
        return self.conv(F.pad(rows, (self.ring, self.ring, above, above)) if self.ring else rows)


class DepthToSpace(nn.Module):
    """``F.pixel_shuffle`` by any factor, of at most four axes, which GPUs ask for: (B, C block², h, w) ->
    (B, C, h block, w block)."""

    def __init__(self, block: int) -> None:
        super().__init__()
        self.block = block

    def order(self, kernel: Kernel) -> Kernel:
        """A convolution in front of ``F.pixel_shuffle`` -> the one that goes in front of this: channels in the order
        (row, column, C)."""
        colours = len(kernel.bias) // self.block**2
        order = torch.arange(len(kernel.bias)).reshape(colours, -1).T.flatten()
        return Kernel(kernel.weight[order], kernel.bias[order])

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        block, row = self.block, channels // self.block
        cells = x.permute(0, 2, 3, 1).reshape(batch * height, width, block, row)
        rows = cells.transpose(1, 2)  # (B h, block, w, block * C)
        pixels = rows.reshape(batch, height * block, width * block, row // block)
        return pixels.permute(0, 3, 1, 2)
