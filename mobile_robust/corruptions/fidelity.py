"""The degradations of the fidelity-map report: white Gaussian noise, uniform or varying over the image (section 3.2.1),
and four others (appendix A).

The report prints the levels of the noise, 0.1 to 0.5; those of the others are only in its plots, so that theirs are
this project's choice.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from mobile_robust.corruptions.pixels import (
    Floats,
    convolve,
    from_planes,
    from_unit,
    gaussian_kernel,
    planes,
    separable,
    unit,
)
from mobile_robust.corruptions.registry import Corruption
from mobile_robust.data.images import Photo


def noise(photo: Photo, sigma: float, rng: np.random.Generator) -> Photo:
    """White Gaussian noise with a standard deviation of ``sigma`` of 1, each colour channel its own."""
    return _noisy(photo, np.float32(sigma), rng)


def noise_1d(photo: Photo, sigma: float, rng: np.random.Generator) -> Photo:
    """White Gaussian noise from 0 at one border to ``sigma`` at the opposite one, linear; which border is drawn."""
    axis, backwards = rng.integers(0, 2, 2)
    ramp = np.linspace(0, sigma, photo.shape[axis], dtype=np.float32)
    ramp = ramp[::-1] if backwards else ramp
    return _noisy(photo, ramp[None, :, None] if axis else ramp[:, None, None], rng)


def noise_2d(photo: Photo, sigma: float, rng: np.random.Generator) -> Photo:
    """White Gaussian noise from 0 at a random point to ``sigma`` at the pixel farthest from it, linear in the
    Euclidean distance.
    """
    height, width = photo.shape[:2]
    y, x = rng.uniform(0, height), rng.uniform(0, width)
    distance = np.hypot(np.arange(height)[:, None] - y, np.arange(width) - x).astype(np.float32)
    return _noisy(photo, (sigma * distance / distance.max())[..., None], rng)


def _noisy(photo: Photo, sigma: Floats | np.floating, rng: np.random.Generator) -> Photo:
    return from_unit(unit(photo) + sigma * rng.standard_normal(photo.shape, dtype=np.float32))


def blur(photo: Photo, sigma: float, rng: np.random.Generator) -> Photo:
    """Gaussian blur, ``sigma`` in pixels, with a kernel of 13x13 whatever the sigma; no randomness."""
    return from_planes(separable(planes(photo), gaussian_kernel(sigma, 6), "reflect"))


def motion(photo: Photo, length: float, rng: np.random.Generator) -> Photo:
    """The mean along a line of ``length`` pixels at 45 degrees; no randomness."""
    return from_planes(convolve(planes(photo), _diagonal(length)))


def _diagonal(length: float) -> Floats:
    """A line through the middle of a kernel, spread over the pixels next to it."""
    reach = (length - 1) / 2 * np.sqrt(0.5)
    radius = int(np.ceil(reach))
    pixels = np.arange(-radius, radius + 1)
    points = np.linspace(-reach, reach, 16 * max(1, round(length)))
    # Rising to the right: a point's row is minus its column.
    down = np.maximum(0, 1 - np.abs(pixels[:, None] + points))
    right = np.maximum(0, 1 - np.abs(pixels[:, None] - points))
    kernel = down @ right.T
    return kernel / kernel.sum()


def salt_and_pepper(photo: Photo, probability: float, rng: np.random.Generator) -> Photo:
    """Each channel value is replaced with that probability, by 0 or 255 with equal chances."""
    draw = rng.random(photo.shape, dtype=np.float32)
    return np.where(draw < probability / 2, 0, np.where(draw < probability, 255, photo)).astype(np.uint8)


def crop(photo: Photo, ratio: float, rng: np.random.Generator) -> Photo:
    """A window at a random place, its sides ``ratio`` times the image's, enlarged to the image's size (bicubic).

    The report cuts a square out of its square images; here any image keeps its proportions.
    """
    height, width = photo.shape[:2]
    rows, columns = max(1, round(height * ratio)), max(1, round(width * ratio))
    top, left = rng.integers(0, height - rows + 1), rng.integers(0, width - columns + 1)
    window = Image.fromarray(photo[top : top + rows, left : left + columns])
    return np.array(window.resize((width, height), Image.Resampling.BICUBIC))


_SOURCE, _OTHERS = "fidelity-map report, section 3.2.1", "fidelity-map report, appendix A; levels chosen here"
_SIGMAS = (0.1, 0.2, 0.3, 0.4, 0.5)
FIDELITY = (
    Corruption(
        "fidelity_awgn",
        noise,
        "fidelity",
        _SOURCE,
        "white Gaussian noise; the level is sigma of 1",
        levels=_SIGMAS,
        unit="sigma",
        limits=(0, 1),
        whole=False,
    ),
    Corruption(
        "fidelity_awgn_1d",
        noise_1d,
        "fidelity",
        _SOURCE,
        "noise from 0 to sigma across the image",
        levels=_SIGMAS,
        unit="sigma",
        limits=(0, 1),
        whole=False,
    ),
    Corruption(
        "fidelity_awgn_2d",
        noise_2d,
        "fidelity",
        _SOURCE,
        "noise from 0 to sigma away from a random point",
        levels=_SIGMAS,
        unit="sigma",
        limits=(0, 1),
        whole=False,
    ),
    Corruption(
        "fidelity_gaussian_blur",
        blur,
        "fidelity",
        _OTHERS,
        "Gaussian blur, kernel 13x13; the level is sigma in pixels",
        levels=(1, 2, 3, 4, 5),
        unit="sigma",
        limits=(0.1, 50),
        whole=False,
    ),
    Corruption(
        "fidelity_motion_blur",
        motion,
        "fidelity",
        _OTHERS,
        "motion at 45 degrees; the level is its length in pixels",
        levels=(5, 10, 15, 20, 25),
        unit="length",
        limits=(1, 100),
        whole=False,
    ),
    Corruption(
        "fidelity_salt_and_pepper",
        salt_and_pepper,
        "fidelity",
        _OTHERS,
        "values become 0 or 255; the level is the probability",
        levels=_SIGMAS,
        unit="probability",
        limits=(0, 1),
        whole=False,
    ),
    Corruption(
        "fidelity_crop",
        crop,
        "fidelity",
        _OTHERS,
        "a part of the image; the level is its share of the side",
        levels=(0.9, 0.8, 0.7, 0.6, 0.5),
        unit="ratio",
        limits=(0.05, 1),
        whole=False,
    ),
)
