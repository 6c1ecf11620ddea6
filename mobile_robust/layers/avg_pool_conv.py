"""An average pool that means the same on every runtime."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class AvgPoolConv(nn.Module):
    """An average pool that counts its zero padding, as a depthwise convolution: the phone's GPU engine merges the
    padding into an average pool and then leaves it out of the mean.
    """

    kernel: Tensor

    def __init__(self, pool: nn.AvgPool2d, channels: int) -> None:
        super().__init__()
        assert isinstance(pool.kernel_size, int)
        self.stride, self.padding, size = pool.stride, pool.padding, pool.kernel_size
        self.register_buffer("kernel", torch.full((channels, 1, size, size), 1 / size**2), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, h, w) -> (B, channels, h / stride, w / stride)."""
        return F.conv2d(x, self.kernel, stride=self.stride, padding=self.padding, groups=len(self.kernel))
