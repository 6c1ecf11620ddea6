"""Noise has the variance that is asked for, and every setting does what it is named after."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mobile_robust.corruptions.isp.camera import Camera, mosaic, unprocess
from mobile_robust.corruptions.isp.develop import Settings, develop, read_noise, sensor_noise, strong_noise
from mobile_robust.data.images import Photo
from tests.corruptions.conftest import flat

CAMERA = Camera.sample(np.random.default_rng(0))


def developed(photo: Photo, **settings: Any) -> Photo:
    return develop(mosaic(unprocess(photo, CAMERA)), CAMERA, Settings(**settings))


@pytest.mark.parametrize(("shot", "read"), [(1e-3, 0.0), (0.0, 4e-4), (0.012, 2e-4)])
def test_variance_of_the_sensors_noise(shot: float, read: float) -> None:
    for value in (0.3, 0.6):
        values = np.full((400, 400), value, np.float32)
        noise = sensor_noise(values, shot, read, np.random.default_rng(1)) - values
        assert noise.var() == pytest.approx(shot * value + read, rel=0.03)
        assert abs(noise.mean()) < 0.03 * noise.std()


def test_read_noise_follows_shot_noise() -> None:
    logs = np.log([read_noise(1e-3, np.random.default_rng(seed)) for seed in range(400)])
    assert logs.mean() == pytest.approx(2.18 * np.log(1e-3) + 1.2, abs=0.05)
    assert logs.std() == pytest.approx(0.26, rel=0.15)


@pytest.mark.parametrize(("sigma", "photon"), [(0.1, 0.0), (0.0, 0.02), (0.1, 0.02)])
def test_strong_noise_is_of_the_values_that_the_photo_shows(sigma: float, photon: float) -> None:
    bayer = mosaic(unprocess(flat(128, 400, 400), CAMERA))
    noisy = strong_noise(bayer, CAMERA, sigma, photon, np.random.default_rng(2))
    camera = Camera(np.eye(3, dtype=np.float32), CAMERA.gains, CAMERA.exposure)
    green = develop(noisy, camera, Settings())[0::2, 1::2, 1] / 255  # as it was measured, not interpolated
    assert green.std() == pytest.approx(np.hypot(sigma, np.sqrt(photon * 128 / 255)), rel=0.03)
    assert green.mean() == pytest.approx(128 / 255, abs=0.005)


def test_colours_and_brightness() -> None:
    grey = flat(110, 32, 32)
    assert np.array_equal(developed(grey), grey)
    warm = developed(grey, red=1.2, blue=0.85).mean((0, 1))
    assert warm[0] > 112 and warm[2] < 108 and warm[0] > warm[1] > warm[2]
    assert developed(grey, gain=1.5).mean() > 125 and developed(grey, gain=0.7).mean() < 95
    assert developed(grey, gamma=2.8).mean() > 115 and developed(grey, gamma=1.6).mean() < 90
    dark, light = (developed(flat(value, 32, 32), tone=0.0).mean() for value in (60, 200))
    assert dark > 70 and light < 190, "without its tone curve a photo is flat"
    red = np.full((32, 32, 3), (180, 90, 90), np.uint8)
    pale = developed(red, matrix=0.3).mean((0, 1))
    assert np.ptp(pale) < 0.95 * 90


def test_smooth_sharp_and_compressed(photo: Photo) -> None:
    def detail(image: Photo) -> float:
        return float(np.abs(np.diff(image.astype(float), axis=1)).mean())

    plain = developed(photo)
    for denoiser in ("box", "bilateral"):
        steps = [detail(developed(photo, denoiser=denoiser, denoise=strength)) for strength in (1, 0.5, 0)]
        assert steps == sorted(steps) and steps[0] < 0.95 * steps[2] == 0.95 * detail(plain)
    assert detail(developed(photo, denoiser="bilateral", denoise=1)) > detail(developed(photo, denoise=1))
    assert detail(developed(photo, sharpen=1)) > 1.2 * detail(plain)
    errors = [np.abs(developed(photo, quality=quality).astype(float) - plain).mean() for quality in (95, 40, 10)]
    assert errors == sorted(errors)
