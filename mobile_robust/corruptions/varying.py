"""Levels that vary over an image (fidelity-map report, section 3.2.1): across it, or away from a point; and what blurs
by them.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from mobile_robust.corruptions.pixels import Floats
from mobile_robust.data.images import Photo

#: (photo, largest level, random generator) -> the level of every row, column or pixel.
Levels = Callable[[Photo, float, np.random.Generator], Floats]
#: Side of what is blurred by one kernel, in pixels.
TILE = 5


def across(photo: Photo, most: float, rng: np.random.Generator) -> Floats:
    """(H, 1) or (1, W): linear from 0 at one border to ``most`` at the opposite one; a random border."""
    axis, backwards = rng.integers(0, 2, 2)
    ramp = np.linspace(0, most, photo.shape[axis], dtype=np.float32)
    ramp = ramp[::-1] if backwards else ramp
    return ramp[None, :] if axis else ramp[:, None]


def away(photo: Photo, most: float, rng: np.random.Generator) -> Floats:
    """(H, W): from 0 at a random point to ``most`` at the pixel farthest from it, linear in the Euclidean distance."""
    height, width = photo.shape[:2]
    y, x = rng.uniform(0, height), rng.uniform(0, width)
    distance = np.hypot(np.arange(height)[:, None] - y, np.arange(width) - x).astype(np.float32)
    return most * distance / distance.max()


def convolve_by_tiles(image: Floats, levels: Floats, kernel: Callable[[float], Floats]) -> Floats:
    """Planes (C, H, W), every strip or tile convolved with the kernel of the level at its centre: ``levels`` (H, 1),
    (1, W) or (H, W). Each sees the image as it was; the authors' code reads what it has blurred before. Kernels are
    point-symmetric, of odd sides, and wider for higher levels. Mirrored beyond the border.
    """
    out = np.empty_like(image)
    margin = max(kernel(float(levels.max())).shape) // 2
    padded = np.pad(image, ((0, 0), (margin, margin), (margin, margin)), mode="reflect")
    tiles = [_pieces(side, count) for side, count in zip(image.shape[1:], levels.shape, strict=True)]
    for (top, bottom, row), (left, right, column) in product(*tiles):
        weights = kernel(float(levels[row, column])).astype(image.dtype)
        tall, wide = weights.shape
        up, back = margin + top - tall // 2, margin + left - wide // 2
        seen = padded[:, up : up + bottom - top + tall - 1, back : back + right - left + wide - 1]
        out[:, top:bottom, left:right] = np.tensordot(sliding_window_view(seen, (tall, wide), (1, 2)), weights)
    return out


def _pieces(side: int, levels: int) -> list[tuple[int, int, int]]:
    """Start, end and index of the level of every tile along a side; one where the level does not vary along it."""
    if levels == 1:
        return [(0, side, 0)]
    return [(start, min(start + TILE, side), min(start + TILE // 2, side - 1)) for start in range(0, side, TILE)]
