"""From a sensor's mosaic to a photo, stage by stage, with given settings: the synthetic ISP.

Which settings are wrong, and by how much, is up to the caller.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from mobile_robust.corruptions.isp.camera import GAMMA, Camera, inverse_tone, mosaic, tone
from mobile_robust.corruptions.isp.demosaic import DEMOSAICINGS, Demosaicing
from mobile_robust.corruptions.pixels import Floats, from_planes
from mobile_robust.data.images import Photo, jpeg

#: Spread of the bilateral filter's weights, in grey of [0, 1].
_BILATERAL = 0.1


@dataclass(frozen=True)
class Settings:
    """How an ISP develops; the default is what the camera itself would do, without loss but for the demosaicing."""

    demosaicing: Demosaicing = "bilinear"
    red: float = 1.0  # errors of the white balance, as factors
    blue: float = 1.0
    gain: float = 1.0  # error of the exposure, as a factor
    matrix: float = 0.0  # 0: the camera's colours are taken to sRGB; 1: left as they are
    gamma: float = GAMMA
    tone: float = 1.0  # share of the tone curve 3 v² - 2 v³
    denoiser: Literal["box", "bilateral"] = "box"
    denoise: float = 0.0  # strengths in [0, 1]
    sharpen: float = 0.0
    quality: int | None = None  # of JPEG; None: not compressed


def read_noise(shot: float, rng: np.random.Generator) -> float:
    """Variance of a camera's read noise, which follows from its shot noise (Brooks et al., section 3.1)."""
    return float(np.exp(2.18 * np.log(shot) + 1.20 + rng.normal(0, 0.26)))


def sensor_noise(bayer: Floats, shot: float, read: float, rng: np.random.Generator) -> Floats:
    """The mosaic (H, W) with noise of variance shot * v + read at a value v; clipped to [0, 1]."""
    deviation = np.sqrt(np.float32(shot) * bayer + np.float32(read))
    return np.clip(bayer + deviation * rng.standard_normal(bayer.shape, np.float32), 0, 1)


def strong_noise(bayer: Floats, camera: Camera, sigma: float, photon: float, rng: np.random.Generator) -> Floats:
    """The mosaic (H, W) with white noise and, of photons of a value above 0, Poisson noise.

    Both are of the values in [0, 1] that the photo shows, behind white balance, gamma and tone curve: beside the
    sensor's own, a tenth of white on average, noise of DiR's strength would leave nothing to see.
    """
    gains = mosaic(np.broadcast_to(_gains(camera, Settings()), (3, *bayer.shape)))
    values = tone(np.clip(bayer * gains, 0, 1) ** np.float32(1 / GAMMA))
    if photon:
        values = rng.poisson(values / np.float32(photon)).astype(np.float32) * np.float32(photon)
    values = np.clip(values + np.float32(sigma) * rng.standard_normal(bayer.shape, np.float32), 0, 1)
    return np.maximum(inverse_tone(values), 0) ** np.float32(GAMMA) / gains


def develop(bayer: Floats, camera: Camera, settings: Settings) -> Photo:
    """A mosaic (H, W) of a camera -> photo (H, W, 3) RGB uint8."""
    photo = from_planes(finish(DEMOSAICINGS[settings.demosaicing](bayer), camera, settings))
    return photo if settings.quality is None else jpeg(photo, settings.quality)


def finish(image: Floats, camera: Camera, settings: Settings) -> Floats:
    """All stages behind the demosaicing but the rounding to bytes: (3, H, W) of the sensor -> (3, H, W) sRGB."""
    image = np.clip(image * _gains(camera, settings), 0, 1)
    if settings.denoise:
        smooth = _box if settings.denoiser == "box" else _bilateral
        image = image + np.float32(settings.denoise) * (smooth(image) - image)
    matrix = (1 - settings.matrix) * np.linalg.inv(camera.matrix) + settings.matrix * np.eye(3)
    image = np.clip((matrix.astype(np.float32) @ image.reshape(3, -1)).reshape(image.shape), 1e-8, 1)
    image = image ** np.float32(1 / settings.gamma)
    image = image + np.float32(settings.tone) * (tone(image) - image)
    return image + np.float32(settings.sharpen) * (image - _box(image)) if settings.sharpen else image


def _gains(camera: Camera, settings: Settings) -> Floats:
    """White balance and exposure, (3, 1, 1)."""
    gains = np.array(camera.gains) * (settings.red, 1, settings.blue) * camera.exposure * settings.gain
    return gains.astype(np.float32)[:, None, None]


def _box(image: Floats) -> Floats:
    """(3, H, W), the mean of 3x3 pixels."""
    padded = np.pad(image, ((0, 0), (1, 1), (1, 1)), mode="edge")
    rows = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    return (rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]) / np.float32(9)


def _bilateral(image: Floats) -> Floats:
    """(3, H, W), the mean of 3x3 pixels, weighted by how alike their greys are."""
    height, width = image.shape[1:]
    padded, grey = np.pad(image, ((0, 0), (1, 1), (1, 1)), mode="edge"), image.mean(0)
    greys = np.pad(grey, 1, mode="edge")
    total, weights = image.copy(), np.ones_like(grey)
    for y, x in ((0, 0), (0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1), (2, 2)):
        window = slice(y, y + height), slice(x, x + width)
        weight = np.exp(-((greys[window] - grey) ** 2) / np.float32(2 * _BILATERAL**2))
        total += weight * padded[(slice(None), *window)]
        weights += weight
    return total / weights
