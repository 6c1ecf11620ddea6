"""DeepCorrect's two distortions and JPEG: what they do, the same again for the same image, never to the original."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from mobile_robust.corruptions import PAPER_LEVELS, corrupt
from mobile_robust.data.images import jpeg
from mobile_robust.errors import InputError

NAMES = ("awgn", "gaussian_blur", "jpeg")


@pytest.fixture
def photo() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (37, 52, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", NAMES)
def test_a_corruption_is_the_same_again_and_leaves_the_photo_alone(name: str, photo: np.ndarray) -> None:
    before = photo.copy()
    level = PAPER_LEVELS[name]["imagenet"][0]
    first, again = (corrupt(photo, name, level, 7, 3) for _ in range(2))
    assert first.dtype == np.uint8 and first.shape == photo.shape
    assert np.array_equal(first, again) and not np.array_equal(first, photo) and np.array_equal(photo, before)


def test_every_image_and_every_seed_has_its_own_noise(photo: np.ndarray) -> None:
    noisy = [corrupt(photo, "awgn", level, seed, index).tobytes() for level, seed, index in
             ((20, 0, 0), (20, 0, 1), (20, 1, 0), (10, 0, 0))]  # fmt: skip
    assert len(set(noisy)) == 4


@pytest.mark.parametrize("level", [5, 30])
def test_the_noise_is_white_and_as_strong_as_asked(level: float) -> None:
    grey = np.full((200, 200, 3), 128, np.uint8)
    noise = corrupt(grey, "awgn", level, 0, 0).astype(float) - 128
    assert noise.std() == pytest.approx(np.hypot(level, 12**-0.5), rel=0.01) and abs(noise.mean()) < 0.2
    assert abs((noise[1:] * noise[:-1]).mean() / noise.var()) < 0.01
    assert corrupt(np.zeros_like(grey), "awgn", level, 0, 0).mean() == pytest.approx(
        level * (2 * np.pi) ** -0.5, rel=0.02
    )


@pytest.mark.parametrize("level", PAPER_LEVELS["gaussian_blur"]["cifar"] + PAPER_LEVELS["gaussian_blur"]["imagenet"])
def test_the_blur_is_gaussian_and_four_standard_deviations_wide(level: float, photo: np.ndarray) -> None:
    size = next(n for n in range(1, 100, 2) if n >= 4 * level)
    kernel = np.exp(-((np.arange(size) - size // 2) ** 2) / (2 * level**2))
    expected = photo.astype(float)
    for axis in (0, 1):
        expected = ndimage.correlate1d(expected, kernel / kernel.sum(), axis, mode="mirror")
    assert np.abs(corrupt(photo, "gaussian_blur", level, 0, 0) - expected).max() <= 0.5 + 1e-9
    flat = np.full((3, 4, 3), 77, np.uint8)  # smaller than the kernel
    assert np.array_equal(corrupt(flat, "gaussian_blur", level, 0, 0), flat)


def test_jpeg_is_the_projects_own(photo: np.ndarray) -> None:
    assert np.array_equal(corrupt(photo, "jpeg", 10, 0, 0), jpeg(photo, 10))


@pytest.mark.parametrize(
    ("name", "level", "allowed"),
    [
        ("awgn", -1, "0 to 255"),
        ("awgn", float("nan"), "0 to 255"),
        ("gaussian_blur", 0, "0.1 to 50"),
        ("jpeg", 96, "1 to 95"),
    ],
)
def test_levels_out_of_bounds_are_named(photo: np.ndarray, name: str, level: float, allowed: str) -> None:
    with pytest.raises(InputError, match=f"corruption {name}: level {level:g}: allowed are .*{allowed}"):
        corrupt(photo, name, level, 0, 0)


def test_an_unknown_name_is_answered_with_close_ones(photo: np.ndarray) -> None:
    with pytest.raises(InputError, match="unknown corruption 'awgm'; .*awgn"):
        corrupt(photo, "awgm", 1, 0, 0)


def test_the_papers_levels() -> None:
    assert PAPER_LEVELS["awgn"] == {"cifar": (5, 10, 15, 20, 25, 30), "imagenet": (10, 20, 40, 60, 80, 100)}
    assert PAPER_LEVELS["gaussian_blur"] == {"cifar": (0.5, 1, 1.5, 2, 2.5, 3), "imagenet": (1, 2, 3, 4, 5, 6)}
