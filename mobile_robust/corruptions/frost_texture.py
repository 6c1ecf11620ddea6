"""A texture like a photo of frosted glass: feathers of ice needles, of varying density."""

from __future__ import annotations

import math

import numpy as np

from mobile_robust.corruptions.pixels import Floats

#: Number of directions of needles.
_DIRECTIONS = 6
#: Side of the image for which lengths in pixels are given; at other sizes the texture scales with the image.
_SIDE = 224
#: Colours of clear and of frosted glass, RGB in [0, 1].
_CLEAR, _ICE = np.array([0.30, 0.35, 0.41], np.float32), np.array([0.85, 0.90, 0.95], np.float32)


def frost_texture(height: int, width: int, rng: np.random.Generator) -> Floats:
    """(H, W, 3) float32 in [0, 1], mean about 0.55.

    White noise, filtered to needles (long and thin) in several directions and sharpened to ridges. Smooth noise picks
    the direction at each pixel, so that needles form feathers; more smooth noise decides how frosted each region is.
    """
    # Fields are periodic: a margin is generated and cut off, so that opposite sides do not match.
    shape = (height + height // 4, width + width // 4)
    scale = min(height, width) / _SIDE
    down = np.fft.fftfreq(shape[0])[:, None].astype(np.float32) * scale
    right = np.fft.rfftfreq(shape[1])[None].astype(np.float32) * scale

    def field(sigma_along: float, sigma_across: float, angle: float) -> Floats:
        """White noise, blurred along and across a direction, of mean 0 and variance 1; drawn as its spectrum."""
        along = sigma_along * (down * math.sin(angle) + right * math.cos(angle))
        across = sigma_across * (down * math.cos(angle) - right * math.sin(angle))
        exponent = -2 * math.pi**2 * (along**2 + across**2)
        response = np.exp(np.maximum(exponent, -40))  # without denormal numbers, which are slow
        noise = rng.standard_normal((*response.shape, 2), dtype=np.float32).view(np.complex64)[..., 0]
        values = np.fft.irfft2(noise * response, shape)[:height, :width]
        return (values - values.mean()) / max(float(values.std()), 1e-6)

    start = rng.uniform(0, math.pi)
    angles = [start + i * math.pi / _DIRECTIONS for i in range(_DIRECTIONS)]
    ridges = np.stack([np.maximum(0, 1 - np.abs(field(16, 2.0, angle))) ** 2 for angle in angles])
    pick = np.arctan2(field(16, 16, 0), field(16, 16, 0)) / (2 * math.pi) + 0.5  # 0 to 1
    main = np.minimum(pick * _DIRECTIONS, _DIRECTIONS - 1).astype(np.intp)[None]
    crossing = (main + _DIRECTIONS // 3) % _DIRECTIONS  # at 60 degrees, as in crystals of ice
    needles = 0.7 * np.take_along_axis(ridges, main, 0)[0] + 0.4 * np.take_along_axis(ridges, crossing, 0)[0]
    frosted = 1 / (1 + np.exp(-1.3 * field(30, 30, 0)))
    ice = np.clip(frosted * (0.35 + 0.9 * needles) + 0.25 * needles, 0, 1)[..., None]
    return _CLEAR + ice * (_ICE - _CLEAR)
