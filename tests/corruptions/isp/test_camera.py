"""The way to the sensor and back: what one stage does the other undoes."""

from __future__ import annotations

import numpy as np
import pytest

from mobile_robust.corruptions.isp.camera import Camera, inverse_tone, mosaic, tone, unprocess
from mobile_robust.corruptions.isp.demosaic import DEMOSAICINGS, Demosaicing
from mobile_robust.corruptions.isp.develop import Settings, develop, finish
from mobile_robust.corruptions.pixels import from_planes
from mobile_robust.data.images import Photo
from tests.corruptions.conftest import flat

CAMERAS = [Camera.sample(np.random.default_rng(seed)) for seed in range(8)]


def gradient() -> Photo:
    """A smooth photo of many colours, none of them near black or white."""
    y, x = np.mgrid[0:96, 0:128] / 128
    colours = np.stack([0.35 + 0.4 * x, 0.7 - 0.3 * y, 0.35 + 0.3 * x * y], -1)
    return np.rint(colours * 255).astype(np.uint8)


def test_the_tone_curve_is_undone() -> None:
    values = np.linspace(0, 1, 1001)
    assert np.abs(tone(inverse_tone(values)) - values).max() < 1e-12
    assert inverse_tone(np.array([0.0, 0.5, 1.0])) == pytest.approx([0, 0.5, 1], abs=1e-12)


@pytest.mark.parametrize("camera", CAMERAS)
def test_a_photo_comes_back_within_two_of_255_away_from_clipping(camera: Camera, photo: Photo) -> None:
    image = unprocess(photo, camera)
    back = from_planes(finish(image, camera, Settings()))
    # a colour that the sensor does not see, or an almost white one, is clipped
    seen = (camera.matrix @ (photo.reshape(-1, 3).T / 255)).min(0).reshape(photo.shape[:2])
    inside = (photo.max(-1) < 235) & (image.min(0) > 0) & (seen > 0)
    assert inside.mean() > 0.5
    assert np.abs(back.astype(int) - photo)[inside].max() <= 2


@pytest.mark.parametrize("camera", CAMERAS)
@pytest.mark.parametrize("name", ["bilinear", "malvar"])
def test_a_smooth_photo_comes_back_through_the_mosaic(camera: Camera, name: Demosaicing) -> None:
    photo = gradient()
    back = develop(mosaic(unprocess(photo, camera)), camera, Settings(demosaicing=name))
    assert np.abs(back.astype(int) - photo)[2:-2, 2:-2].max() <= 2


@pytest.mark.parametrize("name", DEMOSAICINGS)
def test_one_colour_comes_back_exactly(name: Demosaicing) -> None:
    for value in (20, 128, 220):
        back = develop(mosaic(unprocess(flat(value, 33, 38), CAMERAS[0])), CAMERAS[0], Settings(demosaicing=name))
        assert np.array_equal(back, flat(value, 33, 38))


def test_cameras_differ_and_see_grey_as_their_gains_say() -> None:
    assert len({camera.gains for camera in CAMERAS}) == len(CAMERAS)
    for camera in CAMERAS:
        assert camera.matrix.sum(1) == pytest.approx([1, 1, 1], abs=1e-6)
        red, green, blue = unprocess(flat(100, 32, 32), camera).mean((1, 2))
        assert (green / red, green / blue) == pytest.approx((camera.gains[0], camera.gains[2]), rel=1e-4)
        assert 1.9 <= camera.gains[0] <= 2.4 and camera.gains[1] == 1 and 1.5 <= camera.gains[2] <= 1.9
        white = finish(unprocess(flat(255, 32, 32), camera), camera, Settings())
        assert white.min() > 0.999, "white stays white"
