"""The two distortions of DeepCorrect (Borkar & Karam, IEEE TIP 2019, section 3.2), at its CIFAR and ImageNet levels."""

from __future__ import annotations

import math

import numpy as np

from mobile_robust.corruptions.pixels import gaussian_kernel, separable
from mobile_robust.corruptions.registry import Corruption
from mobile_robust.data.images import Photo


def awgn(photo: Photo, level: float, rng: np.random.Generator) -> Photo:
    """Additive white Gaussian noise with a standard deviation of ``level`` (of 255), clipped and rounded."""
    return np.clip(photo + rng.normal(0, level, photo.shape), 0, 255).round().astype(np.uint8)


def gaussian_blur(photo: Photo, level: float, rng: np.random.Generator) -> Photo:
    """Gaussian blur with a standard deviation of ``level`` pixels; no randomness.

    The kernel is 4 standard deviations wide (DeepCorrect, section 3.2), taken as the next odd number of pixels, and the
    image is mirrored at its borders.
    """
    kernel = gaussian_kernel(level, math.ceil((4 * level - 1) / 2))
    blurred = separable(photo.transpose(2, 0, 1).astype(np.float64), kernel, "reflect")
    return np.ascontiguousarray(blurred.transpose(1, 2, 0)).round().astype(np.uint8)


_SOURCE = "DeepCorrect (Borkar & Karam, IEEE TIP 2019), section 3.2"
DEEPCORRECT = (
    Corruption(
        "awgn",
        awgn,
        "deepcorrect",
        _SOURCE,
        "white Gaussian noise; the level is sigma of 255",
        levels=(10, 20, 40, 60, 80, 100),
        small_levels=(5, 10, 15, 20, 25, 30),
        unit="sigma",
        limits=(0, 255),
        whole=False,
    ),
    Corruption(
        "gaussian_blur",
        gaussian_blur,
        "deepcorrect",
        _SOURCE,
        "Gaussian blur; the level is sigma in pixels",
        levels=(1, 2, 3, 4, 5, 6),
        small_levels=(0.5, 1, 1.5, 2, 2.5, 3),
        unit="sigma",
        limits=(0.1, 50),
        whole=False,
    ),
)
