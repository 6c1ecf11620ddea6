"""Impulse noise (salt and pepper) at the levels of ImageNet-C and of the fidelity-map report."""

from __future__ import annotations

import numpy as np

from mobile_robust.corruptions.papers import fidelity, imagenet_c
from mobile_robust.data.images import Photo


@imagenet_c(
    "impulse_noise", "noise", "channel values stuck at 0 or 255 (salt and pepper)", (0.03, 0.06, 0.09, 0.17, 0.27)
)
@fidelity(
    "fidelity_salt_and_pepper",
    "values become 0 or 255; the level is the probability",
    levels=(0.1, 0.2, 0.3, 0.4, 0.5),
    unit="probability",
    limits=(0, 1),
)
def impulse_noise(photo: Photo, probability: float, rng: np.random.Generator) -> Photo:
    """Each channel value is replaced with that probability, by 0 or 255 with equal chances."""
    draw = rng.random(photo.shape, dtype=np.float32)
    return np.where(draw < probability / 2, 0, np.where(draw < probability, 255, photo)).astype(np.uint8)
