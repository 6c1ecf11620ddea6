"""The block DCT against scipy's, and as one convolution."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.fft import dctn

from mobile_robust.layers.block_dct import BLOCK, BlockDCT


@pytest.fixture
def image() -> torch.Tensor:
    return torch.rand(2, 3, 24, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_every_coefficient_is_scipys(image: torch.Tensor) -> None:
    got = BlockDCT().double()(image).numpy()
    red, green, blue = image.numpy().transpose(1, 0, 2, 3)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    planes = luma - 0.5, (blue - luma) / 1.772, (red - luma) / 1.402  # JFIF: Y, Cb, Cr
    assert got.shape == (2, 192, 3, 2)
    for colour, plane in enumerate(planes):
        for row in range(3):
            for column in range(2):
                block = plane[:, row * 8 : row * 8 + 8, column * 8 : column * 8 + 8]
                expected = dctn(block, axes=(1, 2), norm="ortho").reshape(2, 64)  # 8 * vertical + horizontal frequency
                np.testing.assert_allclose(got[:, 64 * colour : 64 * colour + 64, row, column], expected, atol=1e-6)


def test_kernel_is_the_whole_transform_and_no_weight(image: torch.Tensor) -> None:
    dct = BlockDCT().double()
    whole = F.conv2d(image, *dct.kernel(), stride=BLOCK)
    torch.testing.assert_close(whole, dct(image), atol=1e-12, rtol=0)
    assert not dct.state_dict()


def test_mixed_precision_leaves_it_exact(image: torch.Tensor) -> None:
    dct, rgb = BlockDCT(), image.float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = dct(rgb)
    assert torch.equal(found, dct(rgb))


def test_sides_must_be_multiples_of_eight() -> None:
    with pytest.raises(ValueError, match="20x16; both sides must be multiples of 8"):
        BlockDCT()(torch.zeros(1, 3, 20, 16))
