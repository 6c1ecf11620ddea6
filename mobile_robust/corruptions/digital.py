"""ImageNet-C's digital corruptions."""

from __future__ import annotations

import numpy as np
from PIL import Image

from mobile_robust.corruptions.pixels import Floats, from_planes, from_unit, gaussian, planes, sample, unit
from mobile_robust.corruptions.registry import IMAGENET_C, Corruption
from mobile_robust.data.images import JPEG_QUALITIES, Photo, jpeg


def contrast(photo: Photo, factor: float, rng: np.random.Generator) -> Photo:
    """Every channel's distance from its mean times ``factor``; no randomness."""
    values = unit(photo)
    mean = values.mean((0, 1), dtype=np.float64).astype(np.float32)
    return from_unit((values - mean) * np.float32(factor) + mean)


def elastic_transform(photo: Photo, parameters: tuple[float, float, float], rng: np.random.Generator) -> Photo:
    """A random affine warp, then a rubber-like one: (strength, smoothness, reach of the affine warp).

    The affine warp moves three points around the middle by up to the reach, the rubber one moves each pixel by
    smoothed noise. The published lengths are multiples of an image side of (mistyped) 244 pixels at images of 224; here
    they scale with the short side, so that any size is bent alike (with pixels kept, images of 32 would be turned
    inside out). Both warps are one interpolation, the original's are two.
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
    shift = strength * scale**2 * _smooth_noise(height, width, smoothness * scale, rng)
    y, x = np.arange(height)[:, None] + shift[0], np.arange(width) + shift[1]
    source = [y * affine[0, i] + x * affine[1, i] + affine[2, i] for i in range(2)]
    return from_planes(sample(planes(photo), *source))


def _smooth_noise(height: int, width: int, sigma: float, rng: np.random.Generator) -> Floats:
    """Uniform noise of -1 to 1 for both directions, (2, H, W), blurred."""
    return gaussian(rng.uniform(-1, 1, (2, height, width)), sigma, truncate=3, border="symmetric")


def pixelate(photo: Photo, factor: float, rng: np.random.Generator) -> Photo:
    """Made smaller by ``factor`` and large again with pixels like boxes; no randomness. Any size looks alike."""
    image, (height, width) = Image.fromarray(photo), photo.shape[:2]
    small = image.resize((max(1, int(width * factor)), max(1, int(height * factor))), Image.Resampling.BOX)
    return np.array(small.resize((width, height), Image.Resampling.BOX))


def jpeg_compression(photo: Photo, quality: int, rng: np.random.Generator) -> Photo:
    """JPEG by Pillow; no randomness."""
    return jpeg(photo, quality)


DIGITAL = (
    Corruption("contrast", contrast, "digital", IMAGENET_C, "too little contrast", (0.4, 0.3, 0.2, 0.1, 0.05)),
    Corruption(
        "elastic_transform",
        elastic_transform,
        "digital",
        IMAGENET_C,
        "stretched and squeezed (mild severities: whole parts; strong ones: ripples)",
        (
            (244 * 2, 244 * 0.7, 244 * 0.1),
            (244 * 2, 244 * 0.08, 244 * 0.2),
            (244 * 0.05, 244 * 0.01, 244 * 0.02),
            (244 * 0.07, 244 * 0.01, 244 * 0.02),
            (244 * 0.12, 244 * 0.01, 244 * 0.02),
        ),
    ),
    Corruption("pixelate", pixelate, "digital", IMAGENET_C, "a small image made large", (0.6, 0.5, 0.4, 0.3, 0.25)),
    Corruption(
        "jpeg_compression",
        jpeg_compression,
        "digital",
        IMAGENET_C,
        f"JPEG at quality {', '.join(map(str, JPEG_QUALITIES))}",
        JPEG_QUALITIES,
    ),
)
