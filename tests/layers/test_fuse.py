"""The algebra on kernels, each identity against the two operations in a row."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from mobile_robust.layers import fuse
from tests.randomize import randomize

X = torch.randn(2, 5, 9, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def in_a_row(*layers: nn.Module) -> nn.Sequential:
    return randomize(nn.Sequential(*layers).double())


def assert_same(kernel: fuse.Kernel, expected: Callable[[Tensor], Tensor], stride: int = 1, padding: int = 0) -> None:
    torch.testing.assert_close(fuse.conv_of(kernel, stride, padding)(X), expected(X), atol=1e-12, rtol=0)


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_norm_after(affine: bool, bias: bool) -> None:
    both = in_a_row(nn.Conv2d(5, 4, 3, padding=1, bias=bias), nn.BatchNorm2d(4, affine=affine))
    assert_same(fuse.fold_batchnorm_after(fuse.kernel_of(both[0]), both[1]), both, padding=1)


def test_affine_before_a_convolution_without_padding() -> None:
    scale, shift = torch.randn(2, 5, dtype=torch.float64)
    (conv,) = in_a_row(nn.Conv2d(5, 4, 3, stride=2))
    kernel = fuse.fold_affine_before(scale, shift, fuse.kernel_of(conv))
    assert_same(kernel, lambda x: conv(x * scale[:, None, None] + shift[:, None, None]), stride=2)


@pytest.mark.parametrize(("first", "second"), [(1, 3), (3, 1), (1, 1)])
def test_two_convolutions_in_a_row(first: int, second: int) -> None:
    both = in_a_row(nn.Conv2d(5, 6, first), nn.Conv2d(6, 4, second))
    assert_same(fuse.merge(*map(fuse.kernel_of, both)), both)


def test_widened_and_parallel_convolutions() -> None:
    small, large = in_a_row(nn.Conv2d(5, 4, 1), nn.Conv2d(5, 4, 3, padding=1))
    wide = fuse.widen(fuse.kernel_of(small), 3)
    assert_same(wide, small, padding=1)
    assert_same(wide + fuse.kernel_of(large), lambda x: small(x) + large(x), padding=1)


def test_widened_to_an_even_size() -> None:
    (small,) = in_a_row(nn.Conv2d(5, 4, 1, stride=2))
    assert_same(fuse.widen(fuse.kernel_of(small), 2), lambda x: small(x)[:, :, :4, :3], stride=2)  # no padding


def test_a_layer_holds_contiguous_weights_of_its_own() -> None:
    kernel = fuse.Kernel(torch.randn(3, 3, 5, 4).permute(3, 2, 0, 1), torch.zeros(4))
    layer = fuse.conv_of(kernel)
    assert all(p.is_contiguous() and p.is_leaf for p in layer.parameters())
    layer.get_parameter("bias").data.fill_(1)
    assert not kernel.bias.any()
