"""The shared filters and warps against SciPy's."""

import numpy as np
import pytest
from scipy import ndimage

from mobile_robust.corruptions.pixels import convolve, from_planes, gaussian_kernel, planes, sample, separable

RANDOM = np.random.default_rng(0)
IMAGE = RANDOM.random((3, 37, 300))


@pytest.mark.parametrize(("border", "mode"), [("edge", "nearest"), ("reflect", "mirror"), ("symmetric", "reflect")])
@pytest.mark.parametrize("radius", [1, 20, 90])
def test_separable_filter(border: str, mode: str, radius: int) -> None:
    kernel = gaussian_kernel(radius / 2, radius)
    expected = IMAGE
    for axis in (1, 2):
        expected = ndimage.correlate1d(expected, kernel, axis, mode=mode)
    assert np.abs(separable(IMAGE, kernel, border) - expected).max() < 1e-12


def test_convolution_with_any_kernel() -> None:
    kernel = RANDOM.random((5, 9))
    expected = ndimage.convolve(IMAGE, kernel[None], mode="mirror")
    assert np.abs(convolve(IMAGE, kernel) - expected).max() < 1e-11


def test_bilinear_sampling_beyond_the_border() -> None:
    y, x = RANDOM.uniform(-30, 70, (20, 30)), RANDOM.uniform(-200, 500, (20, 30))
    expected = [ndimage.map_coordinates(plane, [y, x], order=1, mode="mirror") for plane in IMAGE]
    assert np.abs(sample(IMAGE, y, x) - expected).max() < 1e-12


def test_every_byte_survives_the_way_to_floats_and_back() -> None:
    photo = np.arange(256 * 3, dtype=np.uint8).reshape(16, 16, 3)
    assert np.array_equal(from_planes(planes(photo)), photo)
