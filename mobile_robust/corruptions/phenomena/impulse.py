"""Impulse noise (salt and pepper) at the levels of ImageNet-C and of the fidelity-map report."""

from __future__ import annotations

from functools import partial

import numpy as np

from mobile_robust.corruptions.papers import fidelity, imagenet_c
from mobile_robust.corruptions.pixels import Floats
from mobile_robust.corruptions.varying import across, away
from mobile_robust.data.images import Photo

_salt_and_pepper = partial(fidelity, levels=(0.1, 0.2, 0.3, 0.4, 0.5), unit="probability", limits=(0, 1))


@imagenet_c(
    "impulse_noise", "noise", "channel values stuck at 0 or 255 (salt and pepper)", (0.03, 0.06, 0.09, 0.17, 0.27)
)
@_salt_and_pepper("fidelity_salt_and_pepper", "values become 0 or 255; the level is the probability")
def impulse_noise(photo: Photo, probability: float | Floats, rng: np.random.Generator) -> Photo:
    """Each channel value is replaced with that probability, by 0 or 255 with equal chances."""
    draw = rng.random(photo.shape, dtype=np.float32)
    return np.where(draw < probability / 2, 0, np.where(draw < probability, 255, photo)).astype(np.uint8)


@_salt_and_pepper("fidelity_salt_and_pepper_1d", "salt and pepper, from none to the level across the image")
def impulse_noise_1d(photo: Photo, probability: float, rng: np.random.Generator) -> Photo:
    """The probability is linear from 0 at one border to the level at the opposite one; a random border."""
    return impulse_noise(photo, across(photo, probability, rng)[..., None], rng)


@_salt_and_pepper("fidelity_salt_and_pepper_2d", "salt and pepper, from none to the level away from a random point")
def impulse_noise_2d(photo: Photo, probability: float, rng: np.random.Generator) -> Photo:
    """The probability is 0 at a random point and the level at the pixel farthest from it."""
    return impulse_noise(photo, away(photo, probability, rng)[..., None], rng)
