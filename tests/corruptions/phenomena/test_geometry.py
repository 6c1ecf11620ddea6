"""Warps, pixelation and crops."""

import numpy as np
import pytest
from PIL import Image

from mobile_robust.corruptions import corrupt
from mobile_robust.data.images import Photo
from tests.corruptions.conftest import flat


@pytest.mark.parametrize(("severity", "factor"), enumerate((0.6, 0.5, 0.4, 0.3, 0.25), 1))
def test_pixelate(severity: int, factor: float, photo: Photo) -> None:
    small = Image.fromarray(photo).resize((int(112 * factor), int(80 * factor)), Image.Resampling.BOX)
    expected = np.array(small.resize((112, 80), Image.Resampling.BOX))
    assert np.array_equal(corrupt(photo, "pixelate", severity, 0, 0), expected)


def test_elastic_transform_moves_but_makes_no_new_values() -> None:
    assert np.array_equal(corrupt(flat(90), "elastic_transform", 5, 0, 0), flat(90))
    slope = np.broadcast_to(np.arange(0, 200, 2, dtype=np.uint8)[None, :, None], (64, 100, 3))
    for severity in range(1, 6):
        shifts = (corrupt(slope, "elastic_transform", severity, 0, 0).astype(float) - slope)[..., 0] / 2  # pixels
        assert 0.5 < np.abs(shifts[16:48, 30:70]).max() < 40
    ripples = [
        np.abs(np.diff(corrupt(slope, "elastic_transform", severity, 0, 0)[..., 0].astype(float), axis=0)).mean()
        for severity in (3, 4, 5)
    ]
    assert ripples == sorted(ripples)


def test_fidelity_crop_enlarges_a_part_at_random_positions() -> None:
    y, x = np.mgrid[:100, :200]
    photo = np.stack([y, x, 0 * x], -1).astype(np.uint8)
    corners = set()
    for index in range(10):
        out = corrupt(photo, "fidelity_crop", 0.5, 0, index)
        assert np.ptp(out[..., 0]) == pytest.approx(50, abs=3) and np.ptp(out[..., 1]) == pytest.approx(100, abs=3)
        corners.add(tuple(out[0, 0]))
    assert len(corners) > 5 and np.array_equal(corrupt(photo, "fidelity_crop", 1, 0, 0), photo)
