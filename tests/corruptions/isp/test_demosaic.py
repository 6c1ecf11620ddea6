"""Demosaicing: against plain convolutions, and what every one of them keeps."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from mobile_robust.corruptions.isp.camera import mosaic
from mobile_robust.corruptions.isp.demosaic import DEMOSAICINGS, Demosaicing, bilinear, malvar, nearest

IMAGE = np.random.default_rng(0).random((3, 33, 38))
BAYER = mosaic(IMAGE)
COLOURS = np.where(np.arange(38) % 2, *np.array([[[1], [2]], [[0], [1]]]))[np.arange(33) % 2]


@pytest.mark.parametrize("name", DEMOSAICINGS)
def test_what_the_sensor_saw_stays(name: Demosaicing) -> None:
    out = DEMOSAICINGS[name](BAYER)
    assert out.shape == IMAGE.shape
    assert np.array_equal(np.take_along_axis(out, COLOURS[None], 0)[0], BAYER)


def test_the_mosaic_is_red_green_over_green_blue() -> None:
    assert COLOURS[:2, :2].tolist() == [[0, 1], [1, 2]]
    assert np.array_equal(BAYER, np.take_along_axis(IMAGE, COLOURS[None], 0)[0])


def test_bilinear_is_a_convolution_of_every_colour() -> None:
    cross, square = np.array([[0, 1, 0], [1, 4, 1], [0, 1, 0]]) / 4, np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 4
    for colour, kernel in enumerate((square, cross, square)):
        expected = ndimage.convolve(np.where(colour == COLOURS, BAYER, 0), kernel, mode="mirror")
        assert np.abs(bilinear(BAYER)[colour] - expected).max() < 1e-12


def test_malvar_keeps_a_ramp_and_is_sharper_than_bilinear_where_colours_go_together() -> None:
    ramp = np.broadcast_to(np.linspace(0, 1, 38), (3, 33, 38))
    assert np.abs(malvar(mosaic(ramp)) - ramp)[:, 2:-2, 2:-2].max() < 1e-12
    grey = np.broadcast_to(ndimage.gaussian_filter(IMAGE[0], 0.7), (3, 33, 38))
    errors = [np.abs(method(mosaic(grey)) - grey).mean() for method in (malvar, bilinear, nearest)]
    assert errors == sorted(errors)


def test_nearest_repeats_the_cells() -> None:
    out = nearest(BAYER)
    for y, x in ((0, 0), (6, 10)):
        cell = BAYER[y : y + 2, x : x + 2]
        assert (out[0, y : y + 2, x : x + 2] == cell[0, 0]).all() and (out[2, y : y + 2, x : x + 2] == cell[1, 1]).all()
        assert (out[1, y, x : x + 2] == cell[0, 1]).all() and (out[1, y + 1, x : x + 2] == cell[1, 0]).all()
