"""ImageNet-C's noises. Their strength does not depend on the size of the image."""

from __future__ import annotations

import numpy as np

from mobile_robust.corruptions.pixels import from_unit, unit
from mobile_robust.corruptions.registry import IMAGENET_C, Corruption
from mobile_robust.data.images import Photo


def gaussian_noise(photo: Photo, sigma: float, rng: np.random.Generator) -> Photo:
    """White Gaussian noise with a standard deviation of ``sigma`` (of 1)."""
    values = unit(photo)
    return from_unit(values + np.float32(sigma) * rng.standard_normal(values.shape, dtype=np.float32))


def shot_noise(photo: Photo, photons: float, rng: np.random.Generator) -> Photo:
    """Poisson noise of a sensor that counts ``photons`` where a channel is fully bright."""
    return from_unit(rng.poisson(unit(photo) * photons) / photons)


def impulse_noise(photo: Photo, amount: float, rng: np.random.Generator) -> Photo:
    """Of all channel values the fraction ``amount`` becomes 0 or 255, half of them each."""
    draw = rng.random(photo.shape, dtype=np.float32)
    return np.where(draw < amount / 2, 0, np.where(draw < amount, 255, photo)).astype(np.uint8)


NOISES = (
    Corruption(
        "gaussian_noise",
        gaussian_noise,
        "noise",
        IMAGENET_C,
        "white Gaussian noise of a sensor in low light",
        (0.08, 0.12, 0.18, 0.26, 0.38),
    ),
    Corruption("shot_noise", shot_noise, "noise", IMAGENET_C, "Poisson noise of too few photons", (60, 25, 12, 5, 3)),
    Corruption(
        "impulse_noise",
        impulse_noise,
        "noise",
        IMAGENET_C,
        "channel values stuck at 0 or 255 (salt and pepper)",
        (0.03, 0.06, 0.09, 0.17, 0.27),
    ),
)
