"""A strided depthwise convolution that pads in its kernel: the same function and gradient, in bfloat16 as well."""

from __future__ import annotations

import pytest
import torch
from timm.layers.conv2d_same import Conv2dSame
from torch import Tensor, nn

from mobile_robust.layers.strided_depthwise import StridedDepthwise

CHANNELS = 6


def conv_of(kind: type[nn.Conv2d], kernel: int) -> nn.Conv2d:
    torch.manual_seed(0)
    padding = 0 if kind is Conv2dSame else kernel // 2
    return kind(CHANNELS, CHANNELS, kernel, stride=2, padding=padding, groups=CHANNELS).requires_grad_(False)


def with_gradient(layer: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    x = x.clone().requires_grad_()
    y = layer(x)
    (gradient,) = torch.autograd.grad(y, x, torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view_as(y))
    return y.detach(), gradient


@pytest.mark.parametrize("kind", [nn.Conv2d, Conv2dSame])
@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("sides", [(12, 8), (11, 8), (9, 13)])
def test_it_is_the_convolution(kind: type[nn.Conv2d], kernel: int, sides: tuple[int, int]) -> None:
    conv, x = conv_of(kind, kernel), torch.randn(2, CHANNELS, *sides)
    for got, expected in zip(with_gradient(StridedDepthwise(conv), x), with_gradient(conv, x), strict=True):
        torch.testing.assert_close(got, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", [nn.Conv2d, Conv2dSame])
@pytest.mark.parametrize("sides", [(12, 8), (11, 8)])
def test_in_mixed_precision_the_gradient_is_that_of_float32(kind: type[nn.Conv2d], sides: tuple[int, int]) -> None:
    conv, x = conv_of(kind, 3), torch.randn(2, CHANNELS, *sides)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got, gradient = with_gradient(StridedDepthwise(conv), x)
    assert got.dtype == torch.bfloat16
    expected, exact = with_gradient(conv, x)
    torch.testing.assert_close(got.float(), expected, rtol=0.02, atol=0.02)
    torch.testing.assert_close(gradient, exact, rtol=0.02, atol=0.02)


def test_it_suits_strided_depthwise_convolutions_alone() -> None:
    assert all(StridedDepthwise.suits(conv_of(kind, 3)) for kind in (nn.Conv2d, Conv2dSame))
    others = [
        nn.Conv2d(6, 6, 3, stride=2),
        nn.Conv2d(6, 6, 3, groups=6),
        nn.Conv2d(6, 12, 3, stride=2, groups=6),
        nn.Conv2d(6, 6, 2, stride=2, groups=6),
        nn.ReLU(),
    ]
    assert not any(map(StridedDepthwise.suits, others))
