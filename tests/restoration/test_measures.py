"""PSNR and SSIM, against their definitions and against scikit-image."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mobile_robust.restoration.measures import psnr, ssim

Y, X, C = np.mgrid[:20, :32, :3]
PHOTO = ((X * 7 + Y * 11 + C * 40) % 256).astype(np.uint8)
OTHER = (PHOTO.astype(int) * 3 // 4 + X * Y % 16).astype(np.uint8)


def test_equal_photos_have_an_error_of_rounding() -> None:
    assert psnr(PHOTO, PHOTO) == pytest.approx(10 * math.log10(255**2 * 12)) and ssim(PHOTO, PHOTO) == 1
    one = PHOTO.copy()
    one[0, 0, 0] ^= 1
    assert psnr(PHOTO, one) == psnr(PHOTO, PHOTO) and 0.99 < ssim(PHOTO, one) < 1


def test_they_are_those_of_scikit_image() -> None:
    """0.26: ``structural_similarity(channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
    data_range=255)`` and ``peak_signal_noise_ratio``."""
    assert ssim(PHOTO, OTHER) == pytest.approx(0.9242118961234006, abs=1e-9) == ssim(OTHER, PHOTO)
    assert psnr(PHOTO, OTHER) == pytest.approx(17.946329970795368, abs=1e-9) == psnr(OTHER, PHOTO)


def test_a_shift_of_all_values() -> None:
    grey, brighter = (np.full((16, 16, 3), value, np.uint8) for value in (100, 110))
    assert psnr(grey, brighter) == pytest.approx(20 * math.log10(25.5))
    constant = 6.5025
    assert ssim(grey, brighter) == pytest.approx((2 * 100 * 110 + constant) / (100**2 + 110**2 + constant))
