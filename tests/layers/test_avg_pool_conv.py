"""The same as PyTorch's average pool, padding counted."""

from pathlib import Path

import pytest
import torch
from torch import nn

from mobile_robust.export.targets.tflite import convert_tflite
from mobile_robust.layers.avg_pool_conv import AvgPoolConv
from mobile_robust.tflite import file as tflite_file


@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize("size", [(14, 23), (13, 15), (16, 14), (16, 16)])
def test_like_an_average_pool(padding: int, size: tuple[int, int]) -> None:
    pool = nn.AvgPool2d(5, 4, padding)
    x = torch.rand(2, 6, *size, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(AvgPoolConv(pool, 6)(x), pool(x))


@pytest.mark.slow
@pytest.mark.parametrize(("side", "operations"), [(14, {"DEPTHWISE_CONV_2D"}), (16, {"DEPTHWISE_CONV_2D", "PAD"})])
def test_tflite_pads_in_the_convolution(side: int, operations: set[str], tmp_path: Path) -> None:
    path = tmp_path / "pool.tflite"
    convert_tflite(AvgPoolConv(nn.AvgPool2d(5, 4, 2), 8).eval(), {"x": torch.rand(1, 8, side, side)}, "y", path)
    assert tflite_file.read(path).op_counts.keys() == operations
