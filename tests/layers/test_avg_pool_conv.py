"""The same as PyTorch's average pool, padding counted."""

import pytest
import torch
from torch import nn

from mobile_robust.layers.avg_pool_conv import AvgPoolConv


@pytest.mark.parametrize("padding", [0, 1, 2])
def test_like_an_average_pool(padding: int) -> None:
    pool = nn.AvgPool2d(5, 4, padding)
    x = torch.rand(2, 6, 14, 23, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(AvgPoolConv(pool, 6)(x), pool(x))
