"""ImageNet-C's blurs. Their lengths are pixels of 224-pixel images and stay so: a larger photo is blurred relatively
less, a smaller one more.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mobile_robust.corruptions.pixels import (
    Floats,
    convolve,
    from_planes,
    gaussian,
    gaussian_kernel,
    planes,
    trail,
    zoomed,
)
from mobile_robust.corruptions.registry import IMAGENET_C, Corruption
from mobile_robust.data.images import Photo


def defocus_blur(photo: Photo, parameters: tuple[int, float], rng: np.random.Generator) -> Photo:
    """A disk of (radius, sigma of its soft edge) in pixels; no randomness.

    The kernel's sum is exactly 1; the original loses a trace of light where the soft edge leaves its kernel.
    """
    radius, softness = parameters
    return from_planes(convolve(planes(photo), _disk(radius, softness)))


def _disk(radius: int, softness: float) -> Floats:
    edge = 1 if radius <= 8 else 2  # radius of the kernel that softens the edge
    side = np.arange(-radius - edge, radius + edge + 1)
    disk = (side[:, None] ** 2 + side**2 <= radius**2).astype(np.float64)
    soft = np.zeros_like(disk)
    weights = gaussian_kernel(softness, edge)
    for down in range(-edge, edge + 1):
        for right in range(-edge, edge + 1):  # the rolled-in border is zero
            soft += weights[down + edge] * weights[right + edge] * np.roll(disk, (down, right), (0, 1))
    return soft / soft.sum()


def glass_blur(photo: Photo, parameters: tuple[float, int, int], rng: np.random.Generator) -> Photo:
    """Blurred, pixels replaced by near ones, blurred again: (sigma, largest distance, rounds), in pixels.

    In each round the original visits the pixels from the last to the first and means to exchange each with a random
    near one; as an aliasing of NumPy arrays has it, it copies the near one. ImageNet-C was made that way, so here it is
    the same, for all pixels at once and still exactly as if they came one after the other, see :func:`_sources`.
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
    """Where each pixel's value comes from when, from the last pixel to the first, p becomes a copy of p + moves[p].

    A near pixel that lies ahead (moves > 0) has had its turn: what is copied is in turn what was copied there. Such
    chains end at a pixel whose own near one does not lie ahead; all are followed at once, twice as far in each step.
    """
    here = np.arange(len(moves))
    near = here + moves
    end = np.where(moves > 0, near, here)
    while not np.array_equal(further := end[end], end):
        end = further
    return near[end]


def motion_blur(photo: Photo, parameters: tuple[float, float], rng: np.random.Generator) -> Photo:
    """Motion along a line at -45 to 45 degrees from the horizontal: (radius, sigma) in pixels.

    The kernel is that of ImageMagick, which the original calls, computed here: half a Gaussian on whole pixels.
    """
    radius, sigma = parameters
    return from_planes(trail(planes(photo), radius, sigma, rng.uniform(-45, 45)))


def zoom_blur(photo: Photo, parameters: tuple[float, float, float], rng: np.random.Generator) -> Photo:
    """The mean of the photo and its enlargements by 1 up to (not including) a largest factor: (first, end, step) of
    the factors; no randomness.

    The enlarged part is cut out at fractions of pixels, the original's at whole ones.
    """
    image = Image.fromarray(photo)
    factors = np.arange(*parameters)
    total = photo.astype(np.float32)
    for factor in factors:
        total += np.asarray(zoomed(image, factor))
    return np.rint(total / (len(factors) + 1)).astype(np.uint8)


BLURS = (
    Corruption(
        "defocus_blur",
        defocus_blur,
        "blur",
        IMAGENET_C,
        "out of focus: a disk",
        ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)),
    ),
    Corruption(
        "glass_blur",
        glass_blur,
        "blur",
        IMAGENET_C,
        "seen through frosted glass: pixels become near ones",
        ((0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)),
    ),
    Corruption(
        "motion_blur",
        motion_blur,
        "blur",
        IMAGENET_C,
        "the camera moves along a line",
        ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15)),
    ),
    Corruption(
        "zoom_blur",
        zoom_blur,
        "blur",
        IMAGENET_C,
        "the camera moves towards the scene",
        ((1, 1.11, 0.01), (1, 1.16, 0.01), (1, 1.21, 0.02), (1, 1.26, 0.02), (1, 1.31, 0.03)),
    ),
)
