"""SyMPIE's light, AFD-Module's compression and the fidelity map's degradations."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import features

from mobile_robust.corruptions import compression, corrupt
from mobile_robust.data.images import JPEG_QUALITIES, Photo, built_in_photos, jpeg
from mobile_robust.errors import InputError


@pytest.fixture(scope="module")
def photo() -> Photo:
    return built_in_photos((80, 112), 1)[0]


def flat(value: int, height: int = 64, width: int = 64) -> Photo:
    return np.full((height, width, 3), value, np.uint8)


def test_darken_divides() -> None:
    assert [int(corrupt(flat(240), "darken", s, 0, 0)[0, 0, 0]) for s in range(1, 6)] == [120, 80, 60, 48, 40]


def test_horizon_shifts_white_and_adds_haze() -> None:
    for index in range(20):
        red, green, blue = corrupt(flat(100), "horizon", 5, 0, index)[0, 0].astype(float)
        share = 100 / 255 + 0.1
        assert red == pytest.approx(255 * share, abs=0.6)
        assert green + blue == pytest.approx(2 * 192 * share, abs=1.1) and abs(green - blue) <= 64 * share + 1
    mild, strong = (corrupt(flat(100), "horizon", s, 0, 0)[0, 0, 0] for s in (1, 5))
    assert mild - 100 == pytest.approx((strong - 100) / 5, abs=0.6)


def test_night_is_dark_blue_and_its_sky_dark() -> None:
    for index in range(20):
        red, green, blue = corrupt(flat(100), "night", 5, 0, index)[0, 0].astype(float)
        assert red == green == pytest.approx(0.8 * 32 * 100 / 255 + 20, abs=0.6)
        assert 0.8 * 40 * 100 / 255 + 19.4 <= blue <= 0.8 * 88 * 100 / 255 + 20.6
    sky, ground = (corrupt(flat(value), "night", 5, 0, 0).mean() for value in (250, 120))
    assert sky < 1.8 * ground  # clean: more than twice as bright


def test_white_point_scales_channels_by_at_most_an_eighth() -> None:
    drawn = np.array([corrupt(flat(200), "white_point", 5, 0, i)[0, 0] for i in range(200)]) / 200 * 255
    assert 222 <= drawn.min() < 228 and 282 < drawn.max() <= 288 and abs(np.corrcoef(drawn.T)[0, 1]) < 0.3


def test_jpeg_is_repeated(photo: Photo, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []

    def note(image: Photo, quality: int) -> Photo:
        drawn.append(quality)
        return jpeg(image, quality)

    monkeypatch.setattr(compression, "jpeg", note)
    for times in range(1, 6):
        for index in range(8):
            drawn.clear()
            out, expected = corrupt(photo, "jpeg_repeated", times, 0, index), photo
            assert len(drawn) == times and set(drawn) <= {*JPEG_QUALITIES}
            for quality in drawn:
                expected = jpeg(expected, quality)
            assert np.array_equal(out, expected)


def test_avif_gets_worse_with_less_quality(photo: Photo) -> None:
    damage = [np.abs(corrupt(photo, "avif", quality, 0, 0).astype(float) - photo).mean() for quality in (90, 25, 7)]
    assert damage[0] < 0.5 * damage[1] and damage[1] < damage[2]


def test_a_pillow_without_avif_is_named(photo: Photo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "check", lambda name: False)
    with pytest.raises(InputError, match="corruption avif: the installed Pillow cannot write AVIF"):
        corrupt(photo, "avif", 25, 0, 0)


def test_fidelity_noise_is_in_units_of_one() -> None:
    noise = corrupt(flat(128, 150, 150), "fidelity_awgn", 0.1, 0, 0).astype(float) - 128
    assert noise.std() == pytest.approx(25.5, rel=0.02)
    assert abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) < 0.03


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
        noise = np.abs(corrupt(flat(128, 160, 160), "fidelity_awgn_2d", 0.15, 0, index).astype(float) - 128)
        blocks = noise.reshape(8, 20, 8, 20, 3).mean((1, 3, 4))
        y, x = np.unravel_index(blocks.argmin(), blocks.shape)
        distance = np.hypot(np.arange(8)[:, None] - y, np.arange(8) - x)
        assert np.corrcoef(distance.ravel(), blocks.ravel())[0, 1] > 0.95 and blocks.min() < 5


def test_fidelity_gaussian_blur_has_a_kernel_of_13() -> None:
    point = flat(0)
    point[30:35, 30:35] = 255
    y, x, _ = np.nonzero(corrupt(point, "fidelity_gaussian_blur", 5, 0, 0))
    assert (y.min(), y.max(), x.min(), x.max()) == (24, 40, 24, 40)


@pytest.mark.parametrize("length", [5, 15, 25])
def test_fidelity_motion_blur_rises_at_45_degrees(length: int) -> None:
    point = flat(0)
    point[32, 32] = 255
    spread = corrupt(point, "fidelity_motion_blur", length, 0, 0)[..., 0].astype(float)
    y, x = np.nonzero(spread > 2)
    assert np.abs(y + x - 64).max() <= 1 and np.ptp(x) * 2**0.5 == pytest.approx(length, abs=2.5)
    assert spread.sum() == pytest.approx(255, abs=20)


def test_fidelity_salt_and_pepper_replaces_values() -> None:
    noisy = corrupt(flat(100, 150, 150), "fidelity_salt_and_pepper", 0.3, 0, 0)
    assert (noisy == 0).mean() == pytest.approx(0.15, rel=0.05) == (noisy == 255).mean()


def test_fidelity_crop_enlarges_a_part_at_random_places() -> None:
    y, x = np.mgrid[:100, :200]
    photo = np.stack([y, x, 0 * x], -1).astype(np.uint8)
    corners = set()
    for index in range(10):
        out = corrupt(photo, "fidelity_crop", 0.5, 0, index)
        assert np.ptp(out[..., 0]) == pytest.approx(50, abs=3) and np.ptp(out[..., 1]) == pytest.approx(100, abs=3)
        corners.add(tuple(out[0, 0]))
    assert len(corners) > 5 and np.array_equal(corrupt(photo, "fidelity_crop", 1, 0, 0), photo)
