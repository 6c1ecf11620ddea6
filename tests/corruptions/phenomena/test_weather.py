"""Snow, frost and fog."""

import numpy as np
import pytest

from mobile_robust.corruptions import corrupt
from mobile_robust.corruptions.phenomena.weather import _plasma, frost_texture
from tests.corruptions.conftest import flat


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
