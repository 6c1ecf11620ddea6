"""RepConv: the deploy form is one convolution, equal everywhere."""

import pytest
import torch
from torch import nn

from mobile_robust.layers.repconv import PlainConv, RepConv
from tests.randomize import randomize, relative_error


@pytest.mark.parametrize("kind", [RepConv, PlainConv])
@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize(("size", "stride"), [(3, 1), (3, 2), (2, 2), (1, 1)])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
def test_forms_are_equal(
    kind: type[RepConv] | type[PlainConv], size: int, stride: int, relu: bool, dtype: torch.dtype, tolerance: float
) -> None:
    torch.manual_seed(1)
    block = randomize(kind(6, 10, stride, relu, size).to(dtype))
    x = torch.randn(2, 6, 12, 16, dtype=dtype)
    form = block.fuse()
    assert [type(m) for m in form.modules() if isinstance(m, nn.Conv2d)] == [nn.Conv2d]
    expected = block(x)
    assert expected.shape == (2, 10, 12 // stride, 16 // stride)
    assert relative_error(expected, form(x)) < tolerance


def test_borders_are_equal_where_a_zero_padded_middle_would_differ() -> None:
    block = randomize(RepConv(4, 4).double())
    x = torch.zeros(1, 4, 6, 6, dtype=torch.float64)  # the biases alone: every difference is the border's
    expected, got = block(x), block.fuse()(x)
    torch.testing.assert_close(got, expected, atol=1e-12, rtol=0)
    pointwise, spatial, norm = block.pointwise_first
    naive = norm(nn.functional.conv2d(pointwise(x)[:, :, 1:-1, 1:-1], spatial.weight, padding=1))
    assert (naive - block.pointwise_first(x)).abs().max() > 0.01
