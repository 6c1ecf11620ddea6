"""PSNR and SSIM of two photos."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mobile_robust.data.images import Photo

#: What rounding to 8 bits costs, in levels squared: an error below it is none.
_ROUNDING = 1 / 12
#: SSIM's window, and the constants that keep its fractions finite (Wang et al., 2004, section III-C).
_SIDE, _SIGMA = 11, 1.5
_LUMINANCE, _CONTRAST = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def psnr(photo: Photo, other: Photo) -> float:
    """Peak signal-to-noise ratio over all values of two photos, uint8 (H, W, 3), in dB. At most 58.9: that of 8 bits'
    own rounding, which equal photos have."""
    error = float(np.square(photo.astype(np.float64) - other).mean())
    return 10 * math.log10(255**2 / max(error, _ROUNDING))


def ssim(photo: Photo, other: Photo) -> float:
    """Structural similarity of two photos, uint8 (H, W, 3), at least 11 pixels a side, 1 where they are equal.

    Wang et al., *Image Quality Assessment: From Error Visibility to Structural Similarity* (IEEE TIP 2004), Eq. 13, in
    a Gaussian window wherever one fits wholly; mean over places and the three colours.
    """
    x, y = (torch.from_numpy(each).double().permute(2, 0, 1)[:, None] for each in (photo, other))  # (3, 1, H, W)
    mean_x, mean_y = _windowed(x), _windowed(y)
    variance_x, variance_y = _windowed(x * x) - mean_x**2, _windowed(y * y) - mean_y**2
    covariance = _windowed(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + _LUMINANCE) / (mean_x**2 + mean_y**2 + _LUMINANCE)
    structure = (2 * covariance + _CONTRAST) / (variance_x + variance_y + _CONTRAST)
    return float((luminance * structure).mean())


def _windowed(values: Tensor) -> Tensor:
    """(3, 1, H, W) -> weighted means over every window, (3, 1, H - 10, W - 10)."""
    window = _window()
    return F.conv2d(F.conv2d(values, window[None, None, :, None]), window[None, None, None])


@cache
def _window() -> Tensor:
    weights = torch.exp(-torch.arange(-(_SIDE // 2), _SIDE // 2 + 1, dtype=torch.float64).square() / (2 * _SIGMA**2))
    return weights / weights.sum()
