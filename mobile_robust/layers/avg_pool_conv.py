"""An average pool that means the same on every runtime."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class AvgPoolConv(nn.Module):
    """An average pool that counts its zero padding, as a depthwise convolution: the phone's GPU engine merges the
    padding into an average pool and then leaves it out of the mean.

    TFLite knows one padding of its own, SAME, and writes any other as an operation. Of that operation before int8
    features of 14 x 14 Qualcomm's compiler makes a left column that is not zero. So the kernel gets rows and columns of
    zeros until the padding is SAME; not where the frame is a multiple of the stride, which would take 8 x 8 taps
    instead of 5 x 5, cost more than the operation, and is right.
    """

    kernel: Tensor

    def __init__(self, pool: nn.AvgPool2d, channels: int) -> None:
        super().__init__()
        assert isinstance(pool.kernel_size, int) and isinstance(pool.stride, int) and isinstance(pool.padding, int)
        self.stride, self.padding, size = pool.stride, pool.padding, pool.kernel_size
        self.register_buffer("kernel", torch.full((channels, 1, size, size), 1 / size**2), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, h, w) -> (B, channels, h / stride, w / stride)."""
        rows, columns = (self._zeros(side) for side in x.shape[2:])
        same = all(0 <= zeros < self.stride - 1 for zeros in (rows, columns))
        kernel = F.pad(self.kernel, (0, columns, 0, rows)) if same else self.kernel
        return F.conv2d(x, kernel, stride=self.stride, padding=self.padding, groups=len(kernel))

    def _zeros(self, side: int) -> int:
        """How many more taps make the padding of a frame SAME; below zero where none do."""
        return 2 * self.padding + (side - 1) % self.stride + 1 - self.kernel.shape[-1]
