"""Light and colour: ImageNet-C's brightness, contrast and saturation, and the four that SyMPIE adds.

SyMPIE (section 3.2.1) gives no severities. As in the authors' published training set-up, the effect of horizon, night
and white_point is blended in by severity / 5, and darken divides by severity + 1. The image size has no influence.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from mobile_robust.corruptions.corruption import corruption
from mobile_robust.corruptions.papers import SYMPIE, imagenet_c
from mobile_robust.corruptions.pixels import Floats, from_unit, unit
from mobile_robust.data.images import Photo

_sympie = partial(
    corruption, family="light", source=f"{SYMPIE}, section 3.2.1; severities as in the authors' published code"
)
_BLEND = (0.2, 0.4, 0.6, 0.8, 1.0)


@imagenet_c("brightness", "weather", "too bright", (0.1, 0.2, 0.3, 0.4, 0.5))
def brightness(photo: Photo, more: float, rng: np.random.Generator) -> Photo:
    """The value of HSV plus ``more`` (of 1), at most 1, which scales a pixel's channels alike; no randomness."""
    values = unit(photo)
    value = values.max(-1, keepdims=True)
    brighter = np.minimum(value + np.float32(more), 1)
    return from_unit(np.where(value > 0, values * (brighter / np.maximum(value, 1e-6)), brighter))


@imagenet_c("contrast", "digital", "too little contrast", (0.4, 0.3, 0.2, 0.1, 0.05))
def contrast(photo: Photo, factor: float, rng: np.random.Generator) -> Photo:
    """Every channel's distance from its mean times ``factor``; no randomness."""
    values = unit(photo)
    mean = values.mean((0, 1), dtype=np.float64).astype(np.float32)
    return from_unit((values - mean) * np.float32(factor) + mean)


@imagenet_c(
    "saturate",
    "extra",
    "too little colour (1, 2), then too much (3 to 5)",
    ((0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2)),
)
def saturate(photo: Photo, parameters: tuple[float, float], rng: np.random.Generator) -> Photo:
    """The saturation of HSV times a factor plus an amount: (factor, amount); no randomness.

    Severities 1 and 2 take colour away, 3 to 5 add it. Grey has the hue of red, as in the original, so that the amount
    of severities 4 and 5 turns it reddish.
    """
    factor, amount = parameters
    values = unit(photo)
    value = values.max(-1, keepdims=True)
    chroma = value - values  # per channel: value times saturation times a fraction that the hue decides
    saturation = chroma.max(-1, keepdims=True) / np.maximum(value, 1e-6)
    more = np.clip(saturation * factor + amount, 0, 1)
    red = value * np.array([0, 1, 1], np.float32) * more
    return from_unit(value - np.where(saturation > 0, chroma * (more / np.maximum(saturation, 1e-6)), red))


@_sympie("darken", "under-exposed", parameters=(2, 3, 4, 5, 6))
def darken(photo: Photo, divisor: float, rng: np.random.Generator) -> Photo:
    """Under-exposure: all values divided; no randomness."""
    return from_unit(unit(photo) / np.float32(divisor))


@_sympie("horizon", "haze at sunset or sunrise", parameters=_BLEND)
def horizon(photo: Photo, blend: float, rng: np.random.Generator) -> Photo:
    """Haze at sunset: white becomes (255, 192 + d, 192 - d), d uniform in [-32, 32], and a tenth of that colour is
    added to every pixel as haze (the authors' code; the paper mentions haze without its strength).
    """
    shift = rng.uniform(-32, 32)
    white = _colour(255, 192 + shift, 192 - shift)
    values = unit(photo)
    return from_unit(values + np.float32(blend) * (white * (values + np.float32(0.1)) - values))


@_sympie("night", "a night scene: dark blue, dark sky", parameters=_BLEND)
def night(photo: Photo, blend: float, rng: np.random.Generator) -> Photo:
    """Night: white becomes (32, 32, 64 + d), d uniform in [-24, 24], and bright regions (mostly the sky) become dark.

    The paper does not define the second step; as in the authors' code, pixels with a mean above half are inverted, and
    the result is 0.8 of the first image and 0.2 of the second.
    """
    white = _colour(32, 32, 64 + rng.uniform(-24, 24))
    values = unit(photo)
    bright = values.mean(-1, keepdims=True) > 128 / 255
    dark = 0.8 * white * values + 0.2 * np.where(bright, 1 - values, values)
    return from_unit(values + np.float32(blend) * (dark - values))


@_sympie("white_point", "wrong white balance", parameters=_BLEND)
def white_point(photo: Photo, blend: float, rng: np.random.Generator) -> Photo:
    """Wrong white balance: white becomes three values, each uniform in [223, 287]."""
    white = _colour(*rng.uniform(223, 287, 3))
    return from_unit(unit(photo) * (1 + np.float32(blend) * (white - 1)))


def _colour(*rgb: float) -> Floats:
    return np.array(rgb, np.float32) / 255
