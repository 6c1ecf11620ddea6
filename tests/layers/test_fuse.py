"""The algebra on kernels, each identity against the two operations in a row."""

import pytest
import torch
from torch import nn

from mobile_robust.layers import fuse


def conv(inputs: int, outputs: int, size: int, **options: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, size, **options).double().requires_grad_(False)


def norm(channels: int, affine: bool = True) -> nn.BatchNorm2d:
    layer = nn.BatchNorm2d(channels, affine=affine).double().eval().requires_grad_(False)
    assert layer.running_mean is not None
    assert layer.running_var is not None
    layer.running_mean.normal_()
    layer.running_var.uniform_(0.2, 3)
    if affine:
        layer.weight.uniform_(-2, 2)
        layer.bias.normal_()
    return layer


@pytest.fixture
def x() -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(2, 5, 9, 7, dtype=torch.float64)


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_norm_after(x: torch.Tensor, affine: bool, bias: bool) -> None:
    first, second = conv(5, 4, 3, padding=1, bias=bias), norm(4, affine)
    fused = fuse.conv_of(fuse.fold_batchnorm_after(fuse.kernel_of(first), second), padding=1)
    torch.testing.assert_close(fused(x), second(first(x)), atol=1e-12, rtol=0)


def test_affine_before_a_convolution_without_padding(x: torch.Tensor) -> None:
    scale, shift = torch.randn(2, 5, dtype=torch.float64)
    layer = conv(5, 4, 3, stride=2)
    fused = fuse.conv_of(fuse.fold_affine_before(scale, shift, fuse.kernel_of(layer)), stride=2)
    expected = layer(x * scale[:, None, None] + shift[:, None, None])
    torch.testing.assert_close(fused(x), expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize(("first", "second"), [(1, 3), (3, 1), (1, 1)])
def test_two_convolutions_in_a_row(x: torch.Tensor, first: int, second: int) -> None:
    a, b = conv(5, 6, first), conv(6, 4, second)
    fused = fuse.conv_of(fuse.merge(fuse.kernel_of(a), fuse.kernel_of(b)))
    torch.testing.assert_close(fused(x), b(a(x)), atol=1e-12, rtol=0)


def test_widened_kernel_computes_the_same(x: torch.Tensor) -> None:
    layer = conv(5, 4, 1)
    wide = fuse.conv_of(fuse.widen(fuse.kernel_of(layer), 3), padding=1)
    torch.testing.assert_close(wide(x), layer(x), atol=1e-12, rtol=0)


def test_parallel_convolutions_add_up(x: torch.Tensor) -> None:
    a, b = conv(5, 4, 3, padding=1), conv(5, 4, 3, padding=1)
    fused = fuse.conv_of(fuse.kernel_of(a) + fuse.kernel_of(b), padding=1)
    torch.testing.assert_close(fused(x), a(x) + b(x), atol=1e-12, rtol=0)


def test_a_layer_holds_contiguous_weights_of_its_own() -> None:
    kernel = fuse.Kernel(torch.randn(3, 3, 5, 4).permute(3, 2, 0, 1), torch.zeros(4))
    layer = fuse.conv_of(kernel)
    assert all(p.is_contiguous() and p.is_leaf for p in layer.parameters())
    layer.get_parameter("bias").data.fill_(1)
    assert not kernel.bias.any()
