"""The small copy: like a proper resize, no aliasing, small images untouched."""

import pytest
import torch
import torch.nn.functional as F

from mobile_robust.layers.downscale import Downscale


@pytest.mark.parametrize("size", [(224, 224), (232, 500), (96, 130)])
def test_small_images_stay(size: tuple[int, int]) -> None:
    image = torch.rand(1, 3, *size)
    assert Downscale(size)(image) is image


def test_a_checkerboard_comes_out_flat() -> None:
    board = (torch.arange(1080)[:, None] + torch.arange(1920)) % 2
    small = Downscale((1080, 1920))(board.float().expand(1, 3, -1, -1))
    assert small.shape == (1, 3, 224, 224)
    assert (small - 0.5).abs().max() < 0.03  # an odd block holds one pixel more of one colour


@pytest.mark.parametrize("size", [(240, 320), (480, 640), (1080, 1920), (1440, 1080)])
def test_like_an_antialiased_resize(size: tuple[int, int]) -> None:
    noise = torch.rand(1, 3, 30, 40, generator=torch.Generator().manual_seed(1))
    image = F.interpolate(noise, size=size, mode="bicubic").clamp(0, 1)
    short = min(size)
    resized = F.interpolate(
        image, size=tuple(round(s * 232 / short) for s in size), mode="bilinear", antialias=True, align_corners=False
    )
    top, left = ((s - 224) // 2 for s in resized.shape[2:])
    expected = resized[:, :, top : top + 224, left : left + 224]
    error = (Downscale(size)(image) - expected).square().mean()
    assert -10 * error.log10() > 30
