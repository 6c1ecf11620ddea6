"""A convolution behind a doubling: the same numbers from the small map, at the borders too."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mobile_robust.layers.fuse import kernel_of
from mobile_robust.layers.upsample_conv import UpsampleConv, UpsampleStridedConv


def doubled(x: torch.Tensor) -> torch.Tensor:
    return nn.functional.interpolate(x, scale_factor=2, mode="nearest")


@pytest.mark.parametrize("size", [(1, 1), (2, 5), (9, 7)])
@pytest.mark.parametrize(("inputs", "outputs"), [(5, 4), (1, 1)])
def test_computes_the_same(size: tuple[int, int], inputs: int, outputs: int) -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(inputs, outputs, 3, padding=1).double()
    x = torch.randn(2, inputs, *size, dtype=torch.float64)
    got = UpsampleConv(kernel_of(conv))(x)
    torch.testing.assert_close(got, conv(doubled(x)), atol=1e-12, rtol=0)


def test_computes_it_with_fewer_operations() -> None:
    conv, x = nn.Conv2d(16, 64, 3, padding=1), torch.randn(1, 16, 28, 28)
    layer = UpsampleConv(kernel_of(conv))
    with FlopCounterMode(display=False) as small:
        layer(x)
    with FlopCounterMode(display=False) as large:
        conv(doubled(x))
    assert small.get_total_flops() == pytest.approx(large.get_total_flops() * 4 / 9 * (29 / 28) ** 2)


@pytest.mark.parametrize("size", [(1, 1), (2, 5), (9, 7)])
def test_a_stride_of_two_undoes_the_doubling(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(5, 4, 3, stride=2, padding=1).double()
    x = torch.randn(2, 5, *size, dtype=torch.float64)
    got = UpsampleStridedConv(kernel_of(conv))(x)
    torch.testing.assert_close(got, conv(doubled(x)), atol=1e-12, rtol=0)
