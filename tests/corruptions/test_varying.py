"""Levels that vary over an image, and blur by them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mobile_robust.corruptions import corrupt
from mobile_robust.corruptions.phenomena.blur import _diagonal, _small_gaussian
from mobile_robust.corruptions.pixels import Floats, convolve, planes
from mobile_robust.corruptions.varying import TILE, across, away, convolve_by_tiles
from mobile_robust.data.images import Photo, built_in_photos


@pytest.fixture
def photo() -> Photo:
    return built_in_photos((64, 64), 2)[1][:, :57]


def test_levels_go_from_nothing_to_the_most(photo: Photo) -> None:
    shapes = set()
    for seed in range(20):
        for levels in (across(photo, 3, rng := np.random.default_rng(seed)), away(photo, 3, rng)):
            assert levels.max() == pytest.approx(3) and 0 <= levels.min() < 0.1
            shapes.add(levels.shape)
    assert shapes == {(64, 1), (1, 57), (64, 57)}


@pytest.mark.parametrize(("kernel", "level"), [(_small_gaussian, 2.0), (_diagonal, 9.0)])
@pytest.mark.parametrize("shape", [(64, 1), (1, 57), (64, 57)])
def test_each_tile_is_the_original_blurred_by_the_level_at_its_centre(
    kernel: Callable[[float], Floats], level: float, shape: tuple[int, int], photo: Photo
) -> None:
    image = planes(photo, np.float64)
    levels = np.linspace(0, level, shape[0] * shape[1]).reshape(shape)
    out = convolve_by_tiles(image, levels, kernel)
    for top, left in ((0, 0), (30, 25), (60, 55)):
        centre = tuple(
            min(start + TILE // 2, side - 1) if side > 1 else 0 for start, side in zip((top, left), shape, strict=True)
        )
        here = (slice(None), slice(top, top + TILE), slice(left, left + TILE))
        np.testing.assert_allclose(out[here], convolve(image, kernel(levels[centre]))[here], atol=1e-9)


@pytest.mark.parametrize(
    ("name", "level"), [("gaussian_blur", 5), ("motion_blur", 25), ("salt_and_pepper", 0.5), ("awgn", 0.5)]
)
@pytest.mark.parametrize("way", ["1d", "2d"])
def test_a_varying_level_changes_less_than_the_whole_one(name: str, level: float, way: str, photo: Photo) -> None:
    """And something somewhere as much."""
    whole, varying = (
        np.abs(corrupt(photo, f"fidelity_{each}", level, 0, 0).astype(float) - photo).mean(-1)
        for each in (name, f"{name}_{way}")
    )
    assert 0.1 * whole.mean() < varying.mean() < 0.9 * whole.mean()
    tiles = varying[:60, :55].reshape(12, 5, 11, 5).mean((1, 3))
    assert tiles.min() < 0.2 * tiles.max()
