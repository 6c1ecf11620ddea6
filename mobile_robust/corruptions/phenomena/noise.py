"""Additive noise: ImageNet-C's, DeepCorrect's, and the fidelity map's, whose strength may vary over the image. Its
strength does not depend on the size of the image.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from mobile_robust.corruptions.papers import FIDELITY_NOISE, deepcorrect, fidelity, imagenet_c
from mobile_robust.corruptions.pixels import Dtype, Floats, from_unit, unit
from mobile_robust.corruptions.varying import across, away
from mobile_robust.data.images import Photo

_awgn = partial(fidelity, source=FIDELITY_NOISE, levels=(0.1, 0.2, 0.3, 0.4, 0.5), unit="sigma", limits=(0, 1))


@imagenet_c("gaussian_noise", "noise", "white Gaussian noise of a sensor in low light", (0.08, 0.12, 0.18, 0.26, 0.38))
@_awgn("fidelity_awgn", "white Gaussian noise; the level is sigma of 1")
def white_noise(
    photo: Photo, sigma: float, rng: np.random.Generator, *, scale: float = 1, dtype: Dtype = np.float32
) -> Photo:
    """White Gaussian noise, each colour channel its own; white has the value ``scale`` in the unit of ``sigma``."""
    return _add_noise(photo, dtype(sigma / scale), rng)


@_awgn("fidelity_awgn_1d", "noise from 0 to sigma across the image")
def white_noise_1d(photo: Photo, sigma: float, rng: np.random.Generator) -> Photo:
    """White Gaussian noise, linear from 0 at one border to ``sigma`` (of 1) at the opposite one; a random border."""
    return _add_noise(photo, across(photo, sigma, rng)[..., None], rng)


@_awgn("fidelity_awgn_2d", "noise from 0 to sigma away from a random point")
def white_noise_2d(photo: Photo, sigma: float, rng: np.random.Generator) -> Photo:
    """White Gaussian noise from 0 at a random point to ``sigma`` (of 1) at the pixel farthest from it, linear in the
    Euclidean distance.
    """
    return _add_noise(photo, away(photo, sigma, rng)[..., None], rng)


def _add_noise(photo: Photo, sigma: Floats | np.floating, rng: np.random.Generator) -> Photo:
    return from_unit(unit(photo, sigma.dtype.type) + sigma * rng.standard_normal(photo.shape, sigma.dtype.type))


@imagenet_c("shot_noise", "noise", "Poisson noise of too few photons", (60, 25, 12, 5, 3))
def shot_noise(photo: Photo, photons: float, rng: np.random.Generator) -> Photo:
    """Poisson noise of a sensor that counts ``photons`` where a channel is fully bright."""
    return from_unit(rng.poisson(unit(photo) * photons) / photons)


@imagenet_c("speckle_noise", "extra", "noise that grows with brightness", (0.15, 0.2, 0.35, 0.45, 0.6))
def speckle_noise(photo: Photo, sigma: float, rng: np.random.Generator) -> Photo:
    """Noise proportional to the value: value times (1 + Gaussian noise of ``sigma``)."""
    values = unit(photo)
    return from_unit(values * (1 + np.float32(sigma) * rng.standard_normal(values.shape, dtype=np.float32)))


deepcorrect(
    "awgn",
    "white Gaussian noise; the level is sigma of 255",
    levels=(10, 20, 40, 60, 80, 100),
    small_levels=(5, 10, 15, 20, 25, 30),
    limits=(0, 255),
)(partial(white_noise, scale=255, dtype=np.float64))
