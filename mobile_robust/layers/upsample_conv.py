"""Nearest-neighbour doubling and the 3x3 convolution behind it, as one small convolution of the map before it.

Of the nine cells that an output pixel sees only four are different ones: 2x2 cells of the small map. So a 2x2
convolution that pads 1 computes four pixels for each of its positions, those around the corner where its cells meet:

    doubled, 3x3, C channels   =   2x2 with 4 C channels, its results interleaved, a border of one pixel cut off

The same function with 4/9 of the multiply-accumulates, and the doubled map is never written. A transposed convolution
says the same in one operation, but XNNPACK computes that more slowly: by up to half where the channels are few.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mobile_robust.layers.fuse import Kernel, conv_of


class UpsampleConv(nn.Module):
    """fill(x, 2) -> 3x3 convolution that pads 1, exact at the borders too; ``kernel`` is the 3x3 one."""

    def __init__(self, kernel: Kernel) -> None:
        super().__init__()
        # The pixel above a corner sees the cells above and below it with weights (0 + 1, 2), the one below (0, 1 + 2).
        # The same for left and right.
        weight = kernel.weight[None, None]  # (1, 1, C, in, 3, 3)
        for pixel, taps in ((0, 4), (1, 5)):
            first, middle, last = weight.unbind(taps)
            before, behind = torch.stack([first + middle, last], taps), torch.stack([first, middle + last], taps)
            weight = torch.cat([before, behind], pixel)
        weight = weight.flatten(0, 2)  # (4 C, in, 2, 2)
        self.conv = conv_of(Kernel(weight, kernel.bias.repeat(4)), padding=1)
        self.channels = len(kernel.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, h, w) -> (B, C, 2 h, 2 w)."""
        corners = self.conv(x).permute(0, 2, 3, 1)  # (B, h + 1, w + 1, 4 C), channels last as on phones
        batch, height, width, _ = corners.shape
        # four axes at most, which GPUs ask for
        rows = corners.reshape(batch * height, width, 2, 2 * self.channels)
        rows = rows.transpose(1, 2)  # (B (h + 1), 2, w + 1, 2 C)
        pixels = rows.reshape(batch, 2 * height, 2 * width, self.channels)
        # less than no padding is one operation in TFLite, two slices are two
        return F.pad(pixels, (0, 0, -1, -1, -1, -1)).permute(0, 3, 1, 2)


class UpsampleStridedConv(nn.Module):
    """fill(x, 2) -> 3x3 convolution that pads 1, with a stride of 2: a 2x2 convolution of the small map."""

    def __init__(self, kernel: Kernel) -> None:
        super().__init__()
        weight = kernel.weight
        for axis in (2, 3):  # of its rows the first sees the cell above, the others both see the cell itself
            first, middle, last = weight.unbind(axis)
            weight = torch.stack([first, middle + last], axis)
        self.conv = conv_of(Kernel(weight, kernel.bias))

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, h, w) -> (B, C, h, w)."""
        return self.conv(F.pad(x, (1, 0, 1, 0)))
