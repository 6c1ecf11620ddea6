"""Geometry and resolution: ImageNet-C's elastic warp and pixelation, the fidelity map's crop."""

from __future__ import annotations

import numpy as np
from PIL import Image

from mobile_robust.corruptions.papers import fidelity, imagenet_c
from mobile_robust.corruptions.pixels import from_planes, gaussian, kernel_radius, planes, sample
from mobile_robust.data.images import Photo


@imagenet_c(
    "elastic_transform",
    "digital",
    "stretched and squeezed (mild severities: whole parts; strong ones: ripples)",
    (
        (244 * 2, 244 * 0.7, 244 * 0.1),
        (244 * 2, 244 * 0.08, 244 * 0.2),
        (244 * 0.05, 244 * 0.01, 244 * 0.02),
        (244 * 0.07, 244 * 0.01, 244 * 0.02),
        (244 * 0.12, 244 * 0.01, 244 * 0.02),
    ),
)
def elastic_transform(photo: Photo, parameters: tuple[float, float, float], rng: np.random.Generator) -> Photo:
    """A random affine warp, then an elastic one: (strength, smoothness, range of the affine warp).

    The affine warp moves three points around the middle by up to its range, the elastic one moves each pixel by
    smoothed noise. The published lengths, multiples of a (mistyped) side of 244 pixels, are for images of 224; here
    they scale with the short side: any size is bent alike. Both warps are one interpolation, the original's are two.
    """
    height, width = photo.shape[:2]
    scale = min(height, width) / 224
    strength, smoothness, reach = parameters
    anchor, third = np.array([height // 2, width // 2]), min(height, width) // 3
    points = anchor + third * np.array([[1, 1], [1, -1], [-1, -1]])
    moved = points + rng.uniform(-reach, reach, points.shape) * scale
    # The map from the warped image to the photo, by which the warped image is filled.
    affine = np.linalg.lstsq(np.c_[moved, np.ones(3)], points, rcond=None)[0]  # (3, 2)
    # Smoothing over n pixels weakens noise n-fold: the second factor of scale makes up for the larger smoothness.
    noise, smoothness = rng.uniform(-1, 1, (2, height, width)), smoothness * scale
    shift = strength * scale**2 * gaussian(noise, smoothness, kernel_radius(smoothness, 3), "symmetric")
    y, x = np.arange(height)[:, None] + shift[0], np.arange(width) + shift[1]
    source = [y * affine[0, i] + x * affine[1, i] + affine[2, i] for i in range(2)]
    return from_planes(sample(planes(photo), *source))


@imagenet_c("pixelate", "digital", "a small image made large", (0.6, 0.5, 0.4, 0.3, 0.25))
def pixelate(photo: Photo, factor: float, rng: np.random.Generator) -> Photo:
    """Downscaled by ``factor`` and upscaled again, both with box filters; no randomness. The same at any size."""
    image, (height, width) = Image.fromarray(photo), photo.shape[:2]
    small = image.resize((max(1, int(width * factor)), max(1, int(height * factor))), Image.Resampling.BOX)
    return np.array(small.resize((width, height), Image.Resampling.BOX))


@fidelity(
    "fidelity_crop",
    "a part of the image; the level is its share of the side",
    levels=(0.9, 0.8, 0.7, 0.6, 0.5),
    unit="ratio",
    limits=(0.05, 1),
)
def crop(photo: Photo, ratio: float, rng: np.random.Generator) -> Photo:
    """A randomly positioned window, its sides ``ratio`` times the image's, upscaled to the image's size (bicubic).

    The report cuts a square out of its square images; here any image keeps its proportions.
    """
    height, width = photo.shape[:2]
    rows, columns = max(1, round(height * ratio)), max(1, round(width * ratio))
    top, left = rng.integers(0, height - rows + 1), rng.integers(0, width - columns + 1)
    window = Image.fromarray(photo[top : top + rows, left : left + columns])
    return np.array(window.resize((width, height), Image.Resampling.BICUBIC))
