"""The four corruptions of light that SyMPIE adds (Barbato et al., ACM MM 2024, section 3.2.1).

The paper gives no severities. As in the authors' published training set-up, the effect of horizon, night and
white_point is blended in by severity / 5, and darken divides by severity + 1. No size matters.
"""

from __future__ import annotations

import numpy as np

from mobile_robust.corruptions.pixels import from_unit, unit
from mobile_robust.corruptions.registry import Corruption
from mobile_robust.data.images import Photo

_SOURCE = "SyMPIE (Barbato et al., ACM MM 2024), section 3.2.1; severities as in the authors' published code"
_BLEND = (0.2, 0.4, 0.6, 0.8, 1.0)


def darken(photo: Photo, divisor: float, rng: np.random.Generator) -> Photo:
    """Under-exposed: all values divided; no randomness."""
    return from_unit(unit(photo) / np.float32(divisor))


def horizon(photo: Photo, blend: float, rng: np.random.Generator) -> Photo:
    """Haze at sunset: white becomes (255, 192 + d, 192 - d), d uniform in [-32, 32], and a tenth of that colour is
    added to every pixel as haze (the authors' code; the paper says haze but not how much).
    """
    shift = rng.uniform(-32, 32)
    white = _colour(255, 192 + shift, 192 - shift)
    values = unit(photo)
    return from_unit(values + np.float32(blend) * (white * (values + np.float32(0.1)) - values))


def night(photo: Photo, blend: float, rng: np.random.Generator) -> Photo:
    """Night: white becomes (32, 32, 64 + d), d uniform in [-24, 24], and what is bright (mostly the sky) gets dark.

    For the second part the paper leaves the way open; as in the authors' code, pixels with a mean above half are
    inverted, and the result is 0.8 of the first image and 0.2 of the second.
    """
    white = _colour(32, 32, 64 + rng.uniform(-24, 24))
    values = unit(photo)
    bright = values.mean(-1, keepdims=True) > 128 / 255
    dark = 0.8 * white * values + 0.2 * np.where(bright, 1 - values, values)
    return from_unit(values + np.float32(blend) * (dark - values))


def white_point(photo: Photo, blend: float, rng: np.random.Generator) -> Photo:
    """Wrong white balance: white becomes three values, each uniform in [223, 287]."""
    white = _colour(*rng.uniform(223, 287, 3))
    return from_unit(unit(photo) * (1 + np.float32(blend) * (white - 1)))


def _colour(*rgb: float) -> np.ndarray:
    return np.array(rgb, np.float32) / 255


LIGHT = (
    Corruption("darken", darken, "light", _SOURCE, "under-exposed", (2, 3, 4, 5, 6)),
    Corruption("horizon", horizon, "light", _SOURCE, "haze at sunset or sunrise", _BLEND),
    Corruption("night", night, "light", _SOURCE, "a night scene: dark blue, dark sky", _BLEND),
    Corruption("white_point", white_point, "light", _SOURCE, "wrong white balance", _BLEND),
)
