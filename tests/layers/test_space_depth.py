"""Blocks of pixels as channels and back: equal to PyTorch's pixel_unshuffle and pixel_shuffle."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mobile_robust.layers.fuse import conv_of, kernel_of
from mobile_robust.layers.space_depth import BlocksConv, DepthToSpace


@pytest.mark.parametrize("block", [1, 2, 4])
@pytest.mark.parametrize("size", [1, 3])
@torch.no_grad()
def test_convolution_of_blocks(block: int, size: int) -> None:
    """At the borders too."""
    conv, image = nn.Conv2d(3 * block**2, 5, size, padding=size // 2), torch.randn(2, 3, 4 * block, 6 * block)
    torch.testing.assert_close(
        BlocksConv(kernel_of(conv), block)(image), conv(F.pixel_unshuffle(image, block)), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("block", [1, 2, 4])
@torch.no_grad()
def test_blocks_back_to_pixels(block: int) -> None:
    conv, shuffle, x = nn.Conv2d(4, 3 * block**2, 3, padding=1), DepthToSpace(block), torch.randn(2, 4, 5, 6)
    ordered = conv_of(shuffle.order(kernel_of(conv)), padding=1)
    torch.testing.assert_close(shuffle(ordered(x)), F.pixel_shuffle(conv(x), block), rtol=1e-4, atol=1e-5)
