"""Light and colour change as published."""

import colorsys

import numpy as np
import pytest

from mobile_robust.corruptions import corrupt
from mobile_robust.data.images import Photo
from tests.corruptions.conftest import flat


@pytest.mark.parametrize(("severity", "factor"), enumerate((0.4, 0.3, 0.2, 0.1, 0.05), 1))
def test_contrast(severity: int, factor: float, photo: Photo) -> None:
    out = corrupt(photo, "contrast", severity, 0, 0).astype(float)
    for channel in range(3):
        assert out[..., channel].std() == pytest.approx(factor * photo[..., channel].std(), abs=0.3)
        assert out[..., channel].mean() == pytest.approx(photo[..., channel].mean(), abs=0.5)


@pytest.mark.parametrize("severity", range(1, 6))
def test_brightness_and_saturate_are_hsv(severity: int) -> None:
    random = np.random.default_rng(0)
    photo = random.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    photo[0] = random.integers(0, 256, (32, 1))  # grey
    photo[1] = 0
    factor, amount = ((0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2))[severity - 1]
    bright, colourful = (corrupt(photo, name, severity, 0, 0).reshape(-1, 3) for name in ("brightness", "saturate"))
    for pixel, brighter, saturated in zip(photo.reshape(-1, 3) / 255, bright, colourful, strict=True):
        hue, saturation, value = colorsys.rgb_to_hsv(*pixel)
        expected = colorsys.hsv_to_rgb(hue, saturation, min(1, value + 0.1 * severity))
        assert np.abs(np.array(expected) * 255 - brighter).max() <= 0.51
        expected = colorsys.hsv_to_rgb(hue, min(1, saturation * factor + amount), value)
        assert np.abs(np.array(expected) * 255 - saturated).max() <= 0.51


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
