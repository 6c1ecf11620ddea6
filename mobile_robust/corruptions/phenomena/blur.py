"""Blur: out of focus, through glass, in motion, Gaussian. Lengths in pixels are not scaled with the image."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mobile_robust.corruptions.papers import deepcorrect, fidelity, imagenet_c
from mobile_robust.corruptions.pixels import (
    Border,
    Dtype,
    Floats,
    convolve,
    from_planes,
    gaussian,
    gaussian_kernel,
    kernel_radius,
    planes,
    trail,
    zoomed,
)
from mobile_robust.corruptions.varying import Levels, across, away, convolve_by_tiles
from mobile_robust.data.images import Photo

#: Radius of the fidelity map's Gaussian kernel, and the least sigma, which changes nothing; in pixels.
_RADIUS, _LEAST_SIGMA = 6, 0.1


@imagenet_c("defocus_blur", "blur", "out of focus: a disk", ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)))
def defocus_blur(photo: Photo, parameters: tuple[int, float], rng: np.random.Generator) -> Photo:
    """A disk of (radius, sigma of its soft edge) in pixels; no randomness.

    The kernel's sum is exactly 1; the original loses a trace of light where the soft edge exceeds its kernel.
    """
    radius, softness = parameters
    edge = 1 if radius <= 8 else 2  # radius of the kernel that softens the edge
    side = np.arange(-radius - edge, radius + edge + 1)
    disk = (side[:, None] ** 2 + side**2 <= radius**2).astype(np.float64)
    soft = np.zeros_like(disk)
    weights = gaussian_kernel(softness, edge)
    for down in range(-edge, edge + 1):
        for right in range(-edge, edge + 1):  # np.roll wraps around, but only zeros
            soft += weights[down + edge] * weights[right + edge] * np.roll(disk, (down, right), (0, 1))
    return from_planes(convolve(planes(photo), soft / soft.sum()))


@imagenet_c(
    "glass_blur",
    "blur",
    "seen through frosted glass: pixels become near ones",
    ((0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)),
)
def glass_blur(photo: Photo, parameters: tuple[float, int, int], rng: np.random.Generator) -> Photo:
    """Blurred, pixels replaced by nearby ones, blurred again: (sigma, largest distance, rounds), in pixels.

    In each round the original visits the pixels from the last to the first and means to exchange each with a random
    nearby one; because its NumPy views alias, it copies the nearby one. So does this, for all pixels at once.
    """
    sigma, distance, rounds = parameters
    image = np.rint(gaussian(planes(photo), sigma) * 255).astype(np.uint8)
    height, width = image.shape[1:]
    flat = image.reshape(3, -1)
    for _ in range(rounds):
        moves = np.zeros((2, height, width), np.int64)
        inner = (slice(None), slice(distance + 1, height - distance + 1), slice(distance + 1, width - distance + 1))
        moves[inner] = rng.integers(-distance, distance, moves[inner].shape)
        flat = flat[:, _sources((moves[0] * width + moves[1]).ravel())]
    return from_planes(gaussian(flat.reshape(3, height, width).astype(np.float32) / 255, sigma))


def _sources(moves: NDArray[np.int64]) -> NDArray[np.int64]:
    """The pixel from which each value comes when, from the last pixel to the first, p becomes a copy of p + moves[p].

    A nearby pixel with a larger index (moves > 0) was visited before: its own copy is what gets copied. Such chains end
    at a pixel whose nearby one has no larger index; all are followed at once, twice as far in each step.
    """
    here = np.arange(len(moves))
    near = here + moves
    end = np.where(moves > 0, near, here)
    while not np.array_equal(further := end[end], end):
        end = further
    return near[end]


@imagenet_c("motion_blur", "blur", "the camera moves along a line", ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15)))
def motion_blur(photo: Photo, parameters: tuple[float, float], rng: np.random.Generator) -> Photo:
    """Motion along a line at -45 to 45 degrees from the horizontal: (radius, sigma) in pixels.

    The kernel is that of ImageMagick, which the original calls, computed here: half a Gaussian on whole pixels.
    """
    radius, sigma = parameters
    return from_planes(trail(planes(photo), radius, sigma, rng.uniform(-45, 45)))


@imagenet_c(
    "zoom_blur",
    "blur",
    "the camera moves towards the scene",
    ((1, 1.11, 0.01), (1, 1.16, 0.01), (1, 1.21, 0.02), (1, 1.26, 0.02), (1, 1.31, 0.03)),
)
def zoom_blur(photo: Photo, parameters: tuple[float, float, float], rng: np.random.Generator) -> Photo:
    """The mean of the photo and its enlargements: (first, end, step) of the factors, end excluded; no randomness.

    The enlarged window has fractional borders, the original's whole pixels.
    """
    image = Image.fromarray(photo)
    factors = np.arange(*parameters)
    total = photo.astype(np.float32)
    for factor in factors:
        total += np.asarray(zoomed(image, factor))
    return np.rint(total / (len(factors) + 1)).astype(np.uint8)


def gaussian_blur(
    photo: Photo,
    sigma: float,
    rng: np.random.Generator,
    *,
    radius: Callable[[float], int] = kernel_radius,
    border: Border,
    dtype: Dtype = np.float32,
) -> Photo:
    """Gaussian blur, ``sigma`` and the kernel's ``radius(sigma)`` in pixels, computed in ``dtype``; no randomness."""
    return from_planes(gaussian(planes(photo, dtype), sigma, radius(sigma), border))


def _four_sigma_wide(sigma: float) -> int:
    """DeepCorrect's kernel is 4 sigma wide (section 3.2), taken as the next odd number of pixels."""
    return math.ceil((4 * sigma - 1) / 2)


def blur_by_tiles(
    photo: Photo, level: float, rng: np.random.Generator, *, levels: Levels, kernel: Callable[[float], Floats]
) -> Photo:
    """Strips or tiles of 5 pixels, each blurred by the kernel of its level, which ``levels`` gives: 0 to ``level``."""
    return from_planes(convolve_by_tiles(planes(photo), levels(photo, level, rng), kernel))


def _small_gaussian(sigma: float) -> Floats:
    line = gaussian_kernel(max(sigma, _LEAST_SIGMA), _RADIUS)
    return np.outer(line, line)


def _diagonal(length: float) -> Floats:
    """Weights of an antialiased line of ``length`` pixels that rises to the right at 45 degrees, about its middle."""
    length = max(1, length)
    reach = (length - 1) / 2 * np.sqrt(0.5)
    radius = int(np.ceil(reach))
    pixels = np.arange(-radius, radius + 1)
    points = np.linspace(-reach, reach, 16 * max(1, round(length)))
    # Rising to the right: a point's row is minus its column.
    down = np.maximum(0, 1 - np.abs(pixels[:, None] + points))
    right = np.maximum(0, 1 - np.abs(pixels[:, None] - points))
    kernel = down @ right.T
    return kernel / kernel.sum()


def _varying(register: Callable[..., Any], name: str, what: str, kernel: Callable[[float], Floats]) -> None:
    """Registers a blur whose level varies across the image, and away from a point."""
    for suffix, where, levels in (("1d", "across the image", across), ("2d", "away from a random point", away)):
        apply = partial(blur_by_tiles, levels=levels, kernel=kernel)
        register(f"{name}_{suffix}", f"{what}, from none to the level {where}")(apply)


imagenet_c(
    "gaussian_blur_imagenetc", "extra", "ImageNet-C's gaussian_blur: sigma 1, 2, 3, 4, 6 pixels", (1, 2, 3, 4, 6)
)(partial(gaussian_blur, border="edge"))
deepcorrect(
    "gaussian_blur",
    "Gaussian blur; the level is sigma in pixels",
    levels=(1, 2, 3, 4, 5, 6),
    small_levels=(0.5, 1, 1.5, 2, 2.5, 3),
    limits=(0.1, 50),
)(partial(gaussian_blur, radius=_four_sigma_wide, border="reflect", dtype=np.float64))
_gaussian = partial(fidelity, unit="sigma", limits=(_LEAST_SIGMA, 50))
_gaussian("fidelity_gaussian_blur", "Gaussian blur, kernel 13x13; the level is sigma in pixels")(
    partial(gaussian_blur, radius=lambda sigma: _RADIUS, border="reflect")
)
_varying(_gaussian, "fidelity_gaussian_blur", "Gaussian blur", _small_gaussian)


_motion = partial(fidelity, levels=(5, 10, 15, 20, 25), unit="length", limits=(1, 100))


@_motion("fidelity_motion_blur", "motion at 45 degrees; the level is its length in pixels")
def diagonal_motion_blur(photo: Photo, length: float, rng: np.random.Generator) -> Photo:
    """The mean along an antialiased line of ``length`` pixels at 45 degrees; no randomness."""
    return from_planes(convolve(planes(photo), _diagonal(length)))


_varying(_motion, "fidelity_motion_blur", "motion at 45 degrees", _diagonal)
