"""Blurs spread points and edges as published."""

import numpy as np
import pytest
from scipy import ndimage

from mobile_robust.corruptions import CORRUPTIONS, corrupt
from mobile_robust.corruptions.phenomena import blur
from mobile_robust.data.images import Photo
from tests.corruptions.conftest import flat

GAUSSIAN = [  # name, level, sigma, size of the kernel, border in SciPy's terms
    *(("gaussian_blur_imagenetc", i, sigma, 8 * sigma + 1, "nearest") for i, sigma in enumerate((1, 2, 3, 4, 6), 1)),
    *(("gaussian_blur", s, s, next(n for n in range(1, 99, 2) if n >= 4 * s), "mirror")
      for s in (0.5, 1, 1.5, 2, 2.5, 3, 4, 5, 6)),
    *(("fidelity_gaussian_blur", sigma, sigma, 13, "mirror") for sigma in (1, 2, 3, 4, 5)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "level", "sigma", "size", "border"), GAUSSIAN)
def test_gaussian_blur(name: str, level: float, sigma: float, size: int, border: str, photo: Photo) -> None:
    kernel = np.exp(-((np.arange(size) - size // 2) ** 2) / (2 * sigma**2))
    expected = photo.astype(float)
    for axis in (0, 1):
        expected = ndimage.correlate1d(expected, kernel / kernel.sum(), axis, mode=border)
    assert np.abs(corrupt(photo, name, level, 0, 0) - expected).max() <= 0.5 + 1e-3
    tiny = flat(77, 3, 4)  # smaller than the kernel
    assert np.array_equal(corrupt(tiny, name, level, 0, 0), tiny)


@pytest.mark.parametrize(("severity", "radius"), enumerate((3, 4, 6, 8, 10), 1))
def test_defocus_blur_is_a_disk(severity: int, radius: int) -> None:
    point = np.zeros((61, 61, 3), np.uint8)
    point[28:33, 28:33] = 255  # 25 pixels: a single one would be lost in rounding
    spread = corrupt(point, "defocus_blur", severity, 0, 0)[..., 0].astype(float)
    distance = np.hypot(*(np.mgrid[:61, :61] - 30))
    assert spread.sum() == pytest.approx(25 * 255, rel=0.05) and not spread[distance > radius + 5].any()
    core = spread[distance <= radius - 3]
    assert core.std() <= 1.5 and core.mean() > 10


@pytest.mark.parametrize(("sigma", "distance", "rounds"), CORRUPTIONS["glass_blur"].parameters)
def test_glass_blur_is_that_of_one_pixel_after_the_other(
    sigma: float, distance: int, rounds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blur, "gaussian", lambda image, sigma: image)
    height, width = 33, 47
    photo = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    random, expected = np.random.default_rng(1), photo.copy()
    for _ in range(rounds):
        moves = random.integers(-distance, distance, (2, height - 2 * distance, width - 2 * distance))
        for y in range(height - distance, distance, -1):
            for x in range(width - distance, distance, -1):
                down, right = moves[:, y - distance - 1, x - distance - 1]
                expected[y, x] = expected[y + down, x + right]
    out = blur.glass_blur(photo, (sigma, distance, rounds), np.random.default_rng(1))
    assert np.array_equal(out, expected) and (out != photo).mean() > 0.5


def test_motion_blur_is_a_line_at_most_45_degrees_steep() -> None:
    point = np.zeros((101, 101, 3), np.uint8)
    point[50, 50] = 255
    angles = []
    for index in range(20):
        out = corrupt(point, "motion_blur", 1, 0, index)[..., 0].astype(float)
        assert out.sum() == pytest.approx(255, abs=12) and out[50, 50] > 20
        y, x = np.nonzero(out)
        assert max(abs(x - 50)) > 4 and (x <= 50).all()
        angles.append(np.degrees(np.arctan2((y - 50) @ (x - 50), (x - 50) @ (x - 50))))
    assert -46 <= min(angles) < -20 and 20 < max(angles) <= 46


@pytest.mark.parametrize("length", [5, 15, 25])
def test_fidelity_motion_blur_rises_at_45_degrees(length: int) -> None:
    point = flat(0, 64, 64)
    point[32, 32] = 255
    spread = corrupt(point, "fidelity_motion_blur", length, 0, 0)[..., 0].astype(float)
    y, x = np.nonzero(spread > 2)
    assert np.abs(y + x - 64).max() <= 1 and np.ptp(x) * 2**0.5 == pytest.approx(length, abs=2.5)
    assert spread.sum() == pytest.approx(255, abs=20)


def test_zoom_blur_keeps_the_middle_and_smears_the_border() -> None:
    squares = np.kron(np.indices((16, 20)).sum(0) % 2, np.ones((8, 8))).astype(np.uint8)[..., None].repeat(3, -1) * 255
    change = np.abs(corrupt(squares, "zoom_blur", 5, 0, 0).astype(float) - squares).mean(-1)
    assert change[60:68, 76:84].mean() < 0.5 * min(change[:16].mean(), change[:, -16:].mean())
    assert np.array_equal(corrupt(flat(77), "zoom_blur", 5, 0, 0), flat(77))
