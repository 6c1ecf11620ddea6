"""Single operations of the Core ML reference runtime against PyTorch's own and the documentation's examples."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mobile_robust.runtimes.coreml_mil.ops import OPS


def test_documented_palette_forms() -> None:
    lut_to_dense = OPS["constexpr_lut_to_dense"]
    packed = torch.tensor([0b01101100, 0b00000011], dtype=torch.uint8)  # 0, 3, 2, 1, 3 in two bits each
    lut = torch.tensor([10.0, 11.0, 12.0, 13.0])
    assert lut_to_dense(indices=packed, lut=lut, shape=[5]).tolist() == [10, 13, 12, 11, 13]
    indices = torch.tensor([[2, 3], [3, 0], [1, 0], [3, 0], [2, 1], [0, 3]])
    groups = torch.tensor([1.0, 5, 9, 13, 2, 10, 18, 26]).reshape(2, 1, 4, 1)
    expected = [[9, 13], [13, 1], [5, 1], [26, 2], [18, 10], [2, 26]]
    assert lut_to_dense(indices=indices, lut=groups).tolist() == expected
    vectors = torch.tensor([[1.0, 2, 3], [4, 5, 6]]).reshape(1, 1, 2, 3)
    dense = lut_to_dense(indices=torch.tensor([[0, 1]]), lut=vectors, vector_axis=0)
    assert dense.tolist() == [[1, 4], [2, 5], [3, 6]]


def test_documented_sparse_forms() -> None:
    sparse = OPS["constexpr_sparse_to_dense"]
    values = torch.tensor([7.0, 8.0])
    assert sparse(nonzero_data=values, mask=torch.tensor([0b01100], dtype=torch.uint8), shape=[5]).tolist() == [
        *[0, 0, 7, 8, 0]
    ]
    assert sparse(nonzero_data=values, mask=torch.tensor([[0, 1], [1, 0]])).tolist() == [[0, 7], [8, 0]]


@pytest.mark.parametrize(("pad_type", "pads"), [("same", (0, 1, 0, 1)), ("same_lower", (1, 0, 1, 0))])
def test_same_padding_is_uneven(pad_type: str, pads: tuple[int, ...]) -> None:
    x, weight = torch.rand(1, 3, 8, 8), torch.rand(4, 3, 3, 3)
    expected = F.conv2d(F.pad(x, pads), weight, stride=2)
    torch.testing.assert_close(OPS["conv"](x=x, weight=weight, strides=[2, 2], pad_type=pad_type), expected)
    expected = F.max_pool2d(F.pad(x, pads, value=-torch.inf), 3, 2)
    torch.testing.assert_close(
        OPS["max_pool"](x=x - 5, kernel_sizes=[3, 3], strides=[2, 2], pad_type=pad_type), expected - 5
    )


@pytest.mark.parametrize("kernel", [2, 3])
@pytest.mark.parametrize("size", [12, 13, 14])
@pytest.mark.parametrize("pad", [0, 1])
@pytest.mark.parametrize("include", [True, False])
def test_ceil_mode_pools_like_pytorch(kernel: int, size: int, pad: int, include: bool) -> None:
    x = torch.rand(1, 2, size, size)
    window = {
        "kernel_sizes": [kernel] * 2,
        "strides": [2, 2],
        "pad_type": "custom",
        "pad": [pad] * 4,
        "ceil_mode": True,
    }
    mean = OPS["avg_pool"](x=x, exclude_padding_from_average=not include, **window)
    torch.testing.assert_close(mean, F.avg_pool2d(x, kernel, 2, pad, ceil_mode=True, count_include_pad=include))
    torch.testing.assert_close(OPS["max_pool"](x=x, **window), F.max_pool2d(x, kernel, 2, pad, ceil_mode=True))


@pytest.mark.parametrize(
    ("mode", "expected"),  # the example of the operation's documentation: [0, 1] resized to five points
    [
        ("UNALIGN_CORNERS", [0, 0.1, 0.5, 0.9, 1]),
        ("STRICT_ALIGN_CORNERS", [0, 0.25, 0.5, 0.75, 1]),
        ("ALIGN_CORNERS", [0, 0.25, 0.5, 0.75, 1]),
        ("DEFAULT", [0, 0.4, 0.8, 1, 1]),
        ("OFFSET_CORNERS", [0.1, 0.3, 0.5, 0.7, 0.9]),
    ],
)
def test_bilinear_sampling_modes(mode: str, expected: list[float]) -> None:
    row = torch.tensor([[[[0.0, 1.0]]]])
    got = OPS["resize_bilinear"](x=row, target_size_height=1, target_size_width=5, sampling_mode=mode)
    np.testing.assert_allclose(got.flatten(), expected, atol=1e-6)


def test_gelu_modes() -> None:
    x = torch.linspace(-4, 4, 101)
    torch.testing.assert_close(OPS["gelu"](x=x, mode="TANH_APPROXIMATION"), F.gelu(x, approximate="tanh"))
    torch.testing.assert_close(OPS["gelu"](x=x, mode="SIGMOID_APPROXIMATION"), x / (1 + torch.exp(-1.702 * x)))
    with pytest.raises(KeyError):
        OPS["gelu"](x=x, mode="OTHER")


def test_depth_and_space() -> None:
    x = torch.arange(2 * 4 * 6.0).reshape(1, 2, 4, 6)
    deep = OPS["space_to_depth"](x=x, block_size=2)
    assert deep.shape == (1, 8, 2, 3)
    for row in range(2):
        for column in range(2):
            block = (row * 2 + column) * 2
            assert torch.equal(deep[0, block : block + 2], x[0, :, row::2, column::2])
    assert torch.equal(OPS["depth_to_space"](x=deep, block_size=2), x)


def test_slices_backwards_and_masks() -> None:
    x = torch.arange(60).reshape(3, 4, 5)
    got = OPS["slice_by_index"](
        x=x,
        begin=[1, -1, 0],
        end=[0, 0, 4],
        stride=[1, -2, 3],
        end_mask=[False, True, False],
        squeeze_mask=[True, False, False],
    )
    np.testing.assert_array_equal(got, x.numpy()[1, -1::-2, 0:4:3])
