"""Pixels as floats, filters and warps that several corruptions share, all of them whole-array operations.

Filters work on planes, (…, H, W), because one matrix product or one FFT then does a whole channel.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mobile_robust.data.images import Photo

Floats = NDArray[np.floating]
Dtype = type[np.float32] | type[np.float64]
#: Padding, in numpy.pad's terms: the last pixel repeated, mirrored at that pixel's centre, or at its outer side.
Border = Literal["edge", "reflect", "symmetric"]

#: Output columns that a filter computes in one matrix product.
_BLOCK = 128


def unit(photo: Photo, dtype: Dtype = np.float32) -> Floats:
    """(H, W, 3) uint8 -> (H, W, 3) floats in [0, 1]."""
    return np.divide(photo, 255, dtype=dtype)


def from_unit(values: Floats) -> Photo:
    """(H, W, 3) floats in [0, 1], clipped and rounded, -> (H, W, 3) uint8."""
    return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)


def planes(photo: Photo, dtype: Dtype = np.float32) -> Floats:
    """(H, W, 3) uint8 -> (3, H, W) floats in [0, 1]."""
    return unit(np.ascontiguousarray(photo.transpose(2, 0, 1)), dtype)


def from_planes(values: Floats) -> Photo:
    """(3, H, W) floats in [0, 1], clipped and rounded, -> (H, W, 3) uint8."""
    return np.ascontiguousarray(from_unit(values).transpose(1, 2, 0))


def gaussian_kernel(sigma: float, radius: int) -> Floats:
    """2 * radius + 1 weights whose sum is 1."""
    weights = np.exp(-(np.arange(-radius, radius + 1) ** 2) / (2 * sigma**2))
    return weights / weights.sum()


def kernel_radius(sigma: float, truncate: float = 4) -> int:
    """Radius of scikit-image's Gaussian kernel, which ImageNet-C cuts at four standard deviations."""
    return int(truncate * sigma + 0.5)


def gaussian(image: Floats, sigma: float, radius: int | None = None, border: Border = "edge") -> Floats:
    """Gaussian blur of planes; without ``radius`` as ImageNet-C's (scikit-image's)."""
    return separable(image, gaussian_kernel(sigma, kernel_radius(sigma) if radius is None else radius), border)


def separable(image: Floats, kernel: Floats, border: Border) -> Floats:
    """(…, H, W), filtered along both axes with the same symmetric kernel of odd length."""
    weights = tuple(kernel.tolist())
    columns = _along_last(image, weights, border)
    return _along_last(columns.swapaxes(-1, -2), weights, border).swapaxes(-1, -2)


def _along_last(image: Floats, kernel: tuple[float, ...], border: Border) -> Floats:
    length, radius = image.shape[-1], len(kernel) // 2
    matrix = _band(length, kernel, border).astype(image.dtype, copy=False)
    out = np.empty_like(image)
    for start in range(0, length, _BLOCK):  # outside its band the matrix is zero
        used = slice(max(0, start - radius), min(length, start + _BLOCK + radius))
        block = slice(start, start + _BLOCK)
        out[..., block] = image[..., used] @ matrix[used, block]
    return out


@lru_cache(maxsize=4)  # both axes of two filters; 30 MB each at a side of 2000
def _band(length: int, kernel: tuple[float, ...], border: Border) -> Floats:
    """(length, length): a row times this matrix is the filtered row."""
    source = np.pad(np.arange(length), len(kernel) // 2, mode=border)
    matrix = np.zeros((length, length))
    for offset, weight in enumerate(kernel):
        np.add.at(matrix, (source[offset : offset + length], np.arange(length)), weight)
    return matrix


def convolve(image: Floats, kernel: Floats, border: Border = "reflect") -> Floats:
    """(C, H, W) convolved with any kernel of odd sides, by FFT; same size."""
    down, right = kernel.shape[0] // 2, kernel.shape[1] // 2
    padded = np.pad(image, ((0, 0), (down, down), (right, right)), mode=border)
    shape = [-(-side // 16) * 16 for side in padded.shape[1:]]  # lengths without a large prime are faster
    spectrum = np.fft.rfft2(padded, shape) * np.fft.rfft2(kernel.astype(image.dtype), shape)
    height, width = image.shape[1:]
    return np.fft.irfft2(spectrum, shape)[:, 2 * down : 2 * down + height, 2 * right : 2 * right + width]


def trail(image: Floats, radius: float, sigma: float, angle: float) -> Floats:
    """ImageMagick's motion blur, which ImageNet-C's generator calls, of planes (…, H, W): one half of a Gaussian, 2 *
    radius + 1 pixels long, sampled from each pixel at whole pixels along a line. Degrees: 0 is to the right, 90 down.
    """
    steps = np.arange(2 * math.ceil(radius) + 1)
    weights = np.exp(-(steps**2) / (2 * sigma**2))
    weights /= weights.sum()
    down = np.ceil(steps * math.sin(math.radians(angle)) - 0.5).astype(int)
    right = np.ceil(steps * math.cos(math.radians(angle)) - 0.5).astype(int)
    margin, (height, width) = len(steps), image.shape[-2:]
    around = [(0, 0)] * (image.ndim - 2) + [(margin, margin)] * 2
    padded = np.pad(image, around, mode="edge")
    out = np.zeros_like(image)
    for weight, y, x in zip(weights.astype(image.dtype), margin + down, margin + right, strict=True):
        out += weight * padded[..., y : y + height, x : x + width]
    return out


def zoomed(image: Image.Image, factor: float) -> Image.Image:
    """The middle of an image, enlarged by ``factor`` to the image's own size (bilinear)."""
    width, height = image.size
    left, top = (width - width / factor) / 2, (height - height / factor) / 2
    return image.resize(image.size, Image.Resampling.BILINEAR, box=(left, top, width - left, height - top))


def sample(image: Floats, y: Floats, x: Floats) -> Floats:
    """(C, H, W) at the points (y, x) of any shape, bilinear, mirrored beyond the border."""
    height, width = image.shape[1:]
    y, x = (last - np.abs(last - np.mod(points, 2 * last)) for points, last in ((y, height - 1), (x, width - 1)))
    top, left = np.minimum(y.astype(np.int64), height - 2), np.minimum(x.astype(np.int64), width - 2)
    down, right = (y - top).astype(image.dtype), (x - left).astype(image.dtype)
    flat, corner = image.reshape(len(image), -1), top * width + left
    upper = flat[:, corner] * (1 - right) + flat[:, corner + 1] * right
    lower = flat[:, corner + width] * (1 - right) + flat[:, corner + width + 1] * right
    return upper * (1 - down) + lower * down
