"""Additive noise has the distribution of its paper."""

import numpy as np
import pytest

from mobile_robust.corruptions import corrupt
from tests.corruptions.conftest import flat

WHITE = [
    *(("gaussian_noise", severity, sigma) for severity, sigma in enumerate((0.08, 0.12, 0.18, 0.26, 0.38), 1)),
    *(("awgn", level, level / 255) for level in (5, 30)),
    ("fidelity_awgn", 0.1, 0.1),
]


@pytest.mark.parametrize(("name", "level", "sigma"), WHITE)
def test_white_noise(name: str, level: float, sigma: float) -> None:
    noise = corrupt(flat(128), name, level, 0, 0) / 255 - 128 / 255
    normal = np.random.default_rng(1).normal(0, sigma, 10**6)
    inner, expected = noise[np.abs(noise) < 0.45], normal[np.abs(normal) < 0.45]  # not clipped
    assert inner.std() == pytest.approx(np.hypot(expected.std(), 12**-0.5 / 255), rel=0.01)
    assert abs(inner.mean()) < 0.02 * sigma
    assert abs((noise[1:] * noise[:-1]).mean()) < 0.01 * noise.var()
    assert abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) < 0.03
    assert corrupt(flat(0), name, level, 0, 0).mean() / 255 == pytest.approx(sigma * (2 * np.pi) ** -0.5, rel=0.02)


@pytest.mark.parametrize(("severity", "photons"), enumerate((60, 25, 12, 5, 3), 1))
def test_shot_noise(severity: int, photons: int) -> None:
    noisy = corrupt(flat(51), "shot_noise", severity, 0, 0) / 255
    assert noisy.mean() == pytest.approx(0.2, rel=0.03)
    assert noisy.var() == pytest.approx(0.2 / photons, rel=0.05)


@pytest.mark.parametrize(("severity", "sigma"), enumerate((0.15, 0.2, 0.35, 0.45, 0.6), 1))
def test_speckle_noise_is_proportional_to_the_value(severity: int, sigma: float) -> None:
    assert not corrupt(flat(0), "speckle_noise", severity, 0, 0).any()
    for value in (40, 80):
        assert corrupt(flat(value), "speckle_noise", severity, 0, 0).std() == pytest.approx(sigma * value, rel=0.06)


def test_1d_noise_grows_along_a_random_axis_either_way() -> None:
    seen = set()
    for index in range(30):
        noise = np.abs(corrupt(flat(128, 120, 160), "fidelity_awgn_1d", 0.15, 0, index).astype(float) - 128)
        ends = {
            "up": noise[:12].mean(), "down": noise[-12:].mean(),
            "left": noise[:, :12].mean(), "right": noise[:, -12:].mean(),
        }  # fmt: skip
        quiet = min(ends, key=ends.__getitem__)
        seen.add(quiet)
        assert ends[quiet] < 3 and max(ends.values()) == pytest.approx(0.15 * 255 * (2 / np.pi) ** 0.5, rel=0.15)
    assert seen == {"up", "down", "left", "right"}


def test_2d_noise_grows_away_from_a_point() -> None:
    for index in range(5):
        noise = np.abs(corrupt(flat(128), "fidelity_awgn_2d", 0.15, 0, index).astype(float) - 128)
        blocks = noise.reshape(8, 20, 8, 20, 3).mean((1, 3, 4))
        y, x = np.unravel_index(blocks.argmin(), blocks.shape)
        distance = np.hypot(np.arange(8)[:, None] - y, np.arange(8) - x)
        assert np.corrcoef(distance.ravel(), blocks.ravel())[0, 1] > 0.95 and blocks.min() < 5
