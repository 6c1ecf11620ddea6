"""ImageNet-C and its extra four: the published parameters show in what they do."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from mobile_robust.corruptions import CORRUPTIONS, blur, corrupt
from mobile_robust.corruptions.frost import frost_texture
from mobile_robust.corruptions.weather import _plasma
from mobile_robust.data.images import JPEG_QUALITIES, Photo, built_in_photos, jpeg

SEVERITIES = range(1, 6)


@pytest.fixture(scope="module")
def photo() -> Photo:
    return built_in_photos((80, 112), 1)[0]


def flat(value: int, side: int = 160) -> Photo:
    return np.full((side, side, 3), value, np.uint8)


@pytest.mark.parametrize(("severity", "sigma"), enumerate((0.08, 0.12, 0.18, 0.26, 0.38), 1))
def test_gaussian_noise(severity: int, sigma: float) -> None:
    noise = corrupt(flat(128), "gaussian_noise", severity, 0, 0) / 255 - 128 / 255
    middle = noise[np.abs(noise) < 0.45]  # where nothing was clipped
    normal = np.random.default_rng(1).normal(0, sigma, 10**5)
    assert middle.std() == pytest.approx(normal[np.abs(normal) < 0.45].std(), rel=0.02)


@pytest.mark.parametrize(("severity", "photons"), enumerate((60, 25, 12, 5, 3), 1))
def test_shot_noise(severity: int, photons: int) -> None:
    noisy = corrupt(flat(51), "shot_noise", severity, 0, 0) / 255
    assert noisy.mean() == pytest.approx(0.2, rel=0.03)
    assert noisy.var() == pytest.approx(0.2 / photons, rel=0.05)


@pytest.mark.parametrize(("severity", "amount"), enumerate((0.03, 0.06, 0.09, 0.17, 0.27), 1))
def test_impulse_noise(severity: int, amount: float) -> None:
    noisy = corrupt(flat(100), "impulse_noise", severity, 0, 0)
    for value in (0, 255):
        assert (noisy == value).mean() == pytest.approx(amount / 2, rel=0.08)
    assert set(np.unique(noisy)) == {0, 100, 255}


@pytest.mark.parametrize(("severity", "sigma"), enumerate((0.15, 0.2, 0.35, 0.45, 0.6), 1))
def test_speckle_noise_grows_with_the_value(severity: int, sigma: float) -> None:
    for value in (0, 40, 80):
        noisy = corrupt(flat(value), "speckle_noise", severity, 0, 0).astype(float)
        assert noisy[noisy > 0].size == 0 if value == 0 else noisy.std() == pytest.approx(sigma * value, rel=0.06)


@pytest.mark.parametrize(("severity", "sigma"), enumerate((1, 2, 3, 4, 6), 1))
def test_gaussian_blur(severity: int, sigma: float, photo: Photo) -> None:
    expected = ndimage.gaussian_filter(photo.astype(float), (sigma, sigma, 0), mode="nearest", truncate=4)
    out = corrupt(photo, "gaussian_blur_imagenetc", severity, 0, 0)
    assert np.abs(out - expected).max() <= 0.5 + 1e-3


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


def test_zoom_blur_keeps_the_middle_and_smears_the_border() -> None:
    squares = np.kron(np.indices((16, 20)).sum(0) % 2, np.ones((8, 8))).astype(np.uint8)[..., None].repeat(3, -1) * 255
    change = np.abs(corrupt(squares, "zoom_blur", 5, 0, 0).astype(float) - squares).mean(-1)
    assert change[60:68, 76:84].mean() < 0.5 * min(change[:16].mean(), change[:, -16:].mean())
    assert np.array_equal(corrupt(flat(77), "zoom_blur", 5, 0, 0), flat(77))


@pytest.mark.parametrize(("severity", "factor"), enumerate((0.4, 0.3, 0.2, 0.1, 0.05), 1))
def test_contrast(severity: int, factor: float, photo: Photo) -> None:
    out = corrupt(photo, "contrast", severity, 0, 0).astype(float)
    for channel in range(3):
        assert out[..., channel].std() == pytest.approx(factor * photo[..., channel].std(), abs=0.3)
        assert out[..., channel].mean() == pytest.approx(photo[..., channel].mean(), abs=0.5)


@pytest.mark.parametrize("severity", SEVERITIES)
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


@pytest.mark.parametrize(("severity", "quality"), enumerate(JPEG_QUALITIES, 1))
def test_jpeg_is_pillows(severity: int, quality: int, photo: Photo) -> None:
    expected = jpeg(photo, quality)
    assert JPEG_QUALITIES == (25, 18, 15, 10, 7)
    assert np.array_equal(corrupt(photo, "jpeg_compression", severity, 0, 0), expected)
    assert np.array_equal(corrupt(photo, "jpeg", quality, 0, 0), expected)


@pytest.mark.parametrize(("severity", "factor"), enumerate((0.6, 0.5, 0.4, 0.3, 0.25), 1))
def test_pixelate(severity: int, factor: float, photo: Photo) -> None:
    small = Image.fromarray(photo).resize((int(112 * factor), int(80 * factor)), Image.Resampling.BOX)
    expected = np.array(small.resize((112, 80), Image.Resampling.BOX))
    assert np.array_equal(corrupt(photo, "pixelate", severity, 0, 0), expected)


def test_elastic_transform_moves_but_makes_no_new_values() -> None:
    assert np.array_equal(corrupt(flat(90), "elastic_transform", 5, 0, 0), flat(90))
    slope = np.broadcast_to(np.arange(0, 200, 2, dtype=np.uint8)[None, :, None], (64, 100, 3))
    for severity in SEVERITIES:
        shifts = (corrupt(slope, "elastic_transform", severity, 0, 0).astype(float) - slope)[..., 0] / 2  # pixels
        assert 0.5 < np.abs(shifts[16:48, 30:70]).max() < 40
    ripples = [
        np.abs(np.diff(corrupt(slope, "elastic_transform", severity, 0, 0)[..., 0].astype(float), axis=0)).mean()
        for severity in (3, 4, 5)
    ]
    assert ripples == sorted(ripples)


def test_fog_lies_evenly_from_dark_to_light() -> None:
    for decay in (1.4, 2.0):
        clouds = _plasma(100, decay, np.random.default_rng(0))
        assert clouds.shape == (128, 128) and clouds.min() == 0 and clouds.max() == 1
        # Neighbours are alike, over the border too.
        assert np.abs(clouds - np.roll(clouds, 1, 0)).mean() < 0.3 * np.abs(clouds - np.roll(clouds, 64, 0)).mean()
    out = corrupt(flat(255), "fog", 5, 0, 0)
    assert np.ptp(out) > 100 and (out == out[..., :1]).all()


def test_fog_gets_rougher_with_a_smaller_decay() -> None:
    rough = [np.abs(np.diff(_plasma(128, decay, np.random.default_rng(3)), axis=0)).mean() for decay in (2, 1.7, 1.4)]
    assert rough == sorted(rough)


def test_snow_whitens_and_brings_flakes() -> None:
    out = corrupt(flat(60), "snow", 1, 0, 0).astype(float)
    # Without a flake: 0.8 of the photo and 0.2 of max(photo, 1.5 photo + 0.5).
    assert out.min() == pytest.approx(0.8 * 60 + 0.2 * (1.5 * 60 + 127.5), abs=1) and out.max() > out.min() + 40
    assert (out == out[..., :1]).all() and np.array_equal(out, out[::-1, ::-1])


def test_frost_is_a_bright_bluish_texture() -> None:
    texture = frost_texture(130, 90, np.random.default_rng(0))
    assert texture.shape == (130, 90, 3) and texture.min() >= 0 and texture.max() <= 1
    assert 0.35 < texture.mean() < 0.65 and texture.std() > 0.1 and (texture[..., 2] >= texture[..., 0]).all()
    out = corrupt(flat(0), "frost", 1, 0, 0) / 255
    assert out.mean() == pytest.approx(0.4 * 0.52, rel=0.15)


def test_spatter_is_water_then_mud() -> None:
    water = [corrupt(flat(100, 224), "spatter", severity, 0, 0).astype(int) - 100 for severity in (1, 2, 3)]
    assert all((drops >= 0).all() and drops.max() > 80 for drops in water)
    cover = [(drops > 5).mean() for drops in water]
    assert 0 < cover[0] < cover[1] < cover[2] < 0.5
    assert all((drops[..., 2] >= drops[..., 0]).all() for drops in water)
    for severity in (4, 5):
        mud = corrupt(flat(200, 224), "spatter", severity, 0, 0)
        covered = (mud < 150).all(-1)
        assert 0.02 < covered.mean() < 0.5 and (np.diff(mud[covered].astype(int), axis=-1) < 0).all()
