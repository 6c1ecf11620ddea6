"""What a camera's ISP does to photos: DiR's degradations, of a simulated sensor with a simulated ISP behind it.

The photo is taken back to a sensor's mosaic (:mod:`mobile_robust.corruptions.isp.camera`), which gets noise and is
developed again with other settings (:mod:`mobile_robust.corruptions.isp.develop`). DiR's inverse ISP and ISP software
are not public, nor are the ranges of its settings: those below are chosen here. A severity is a fifth of every range,
the fifth the farthest from the right setting, so that all five together cover the ranges.

The mosaic's pixels are those of the photo as it is given: a larger photo shows finer noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from mobile_robust.corruptions.corruption import corruption
from mobile_robust.corruptions.isp.camera import GAMMA, Camera, mosaic, unprocess
from mobile_robust.corruptions.isp.demosaic import Demosaicing
from mobile_robust.corruptions.isp.develop import Settings, develop, read_noise, sensor_noise, strong_noise
from mobile_robust.corruptions.papers import DIR
from mobile_robust.corruptions.pixels import Floats
from mobile_robust.data.images import Photo

#: The mosaic (H, W) of a camera -> the same, noisy.
AddNoise = Callable[[Floats, Camera], Floats]

#: Shot noise of the least and of the largest ISO (Brooks et al., section 3.1).
_SHOT = 1e-4, 1.2e-2
#: Farthest errors of a setting: of gains as powers of two, of the exponent, shares of the tone curve and the colours.
_BALANCE, _EXPOSURE, _GAMMA, _TONE, _MATRIX = math.log2(1.25), 0.75, 0.6, 1.0, 0.3
#: JPEG's quality without and with the largest error.
_QUALITY = 95, 10
#: Exponents beyond those of :func:`default`, on either side, by how much at the most.
_OUTSIDE = 0.6
#: Of the paper's two settings with strong noise (sections 4.4 and 4.5).
_POISSON, _ABLATION_QUALITY = (0.02, 0.04), (10, 30)

_isp = partial(corruption, family="isp")
_ranges = partial(_isp, source=f"{DIR}, section 4.1; ranges chosen here")
_sigma = partial(_isp, unit="sigma", whole=False, limits=(0, 1))


def _sample(severity: int, demosaicing: Demosaicing, rng: np.random.Generator) -> tuple[AddNoise, Settings]:
    """Noise and settings of a severity: of every range its fifth."""

    def share() -> float:
        return float(rng.uniform(severity - 1, severity)) / 5

    def error() -> float:
        return share() * (1 if rng.integers(2) else -1)

    shot = _SHOT[0] * (_SHOT[1] / _SHOT[0]) ** share()
    settings = Settings(
        demosaicing=demosaicing,
        red=2 ** (_BALANCE * error()),
        blue=2 ** (_BALANCE * error()),
        gain=2 ** (_EXPOSURE * error()),
        matrix=_MATRIX * share(),
        gamma=GAMMA + _GAMMA * error(),
        tone=1 - _TONE * share(),
        denoiser="bilateral" if rng.integers(2) else "box",
        denoise=float(rng.uniform()),
        sharpen=float(rng.uniform()),
        quality=round(_QUALITY[0] + (_QUALITY[1] - _QUALITY[0]) * share()),
    )
    read = read_noise(shot, rng)
    return lambda bayer, camera: sensor_noise(bayer, shot, read, rng), settings


def _photograph(photo: Photo, noise: AddNoise, settings: Settings, rng: np.random.Generator) -> Photo:
    camera = Camera.sample(rng)
    return develop(noise(mosaic(unprocess(photo, camera)), camera), camera, settings)


@_ranges("isp_default", "sensor noise, and an ISP with wrong settings")
def default(photo: Photo, severity: int, rng: np.random.Generator) -> Photo:
    """Noise of a sensor, wrong white balance, gain, colours, gamma and tone curve, a denoiser and a sharpener of any
    strength, and JPEG; bilinear demosaicing or Malvar's."""
    noise, settings = _sample(severity, _trained_demosaicing(rng), rng)
    return _photograph(photo, noise, settings, rng)


def _trained_demosaicing(rng: np.random.Generator) -> Demosaicing:
    return "bilinear" if rng.integers(2) else "malvar"


@_sigma(
    "isp_low_light",
    "white and Poisson noise of a dark scene; the level is sigma of 1",
    source=f"{DIR}, section 4.4",
    levels=(0.15, 0.2, 0.25, 0.3, 0.35),
)
def low_light(photo: Photo, sigma: float, rng: np.random.Generator) -> Photo:
    """White noise of ``sigma`` and Poisson noise of a magnitude in [0.02, 0.04], in the sensor's mosaic."""
    return _photograph(photo, _strong(sigma, rng.uniform(*_POISSON), rng), Settings(), rng)


@_sigma(
    "isp_ablation",
    "white noise of the sensor, then JPEG at 10 to 30; the level is sigma of 1",
    source=f"{DIR}, section 4.5",
    levels=(0.05, 0.0625, 0.075, 0.0875, 0.1),
)
def ablation(photo: Photo, sigma: float, rng: np.random.Generator) -> Photo:
    """White noise of ``sigma`` in the sensor's mosaic, and JPEG at a random quality of 10 to 30."""
    worst, best = _ABLATION_QUALITY
    return _photograph(photo, _strong(sigma, 0, rng), Settings(quality=int(rng.integers(worst, best + 1))), rng)


def _strong(sigma: float, photon: float, rng: np.random.Generator) -> AddNoise:
    return lambda bayer, camera: strong_noise(bayer, camera, sigma, photon, rng)


@_ranges("isp_demosaicing", "as isp_default, but demosaiced by the nearest pixel")
def unseen_demosaicing(photo: Photo, severity: int, rng: np.random.Generator) -> Photo:
    """As :func:`default` with a demosaicing that this never has: for tests of what was not trained on."""
    noise, settings = _sample(severity, "nearest", rng)
    return _photograph(photo, noise, settings, rng)


@_ranges("isp_gamma", "as isp_default, with gamma outside of its range")
def unseen_gamma(photo: Photo, severity: int, rng: np.random.Generator) -> Photo:
    """As :func:`default` with an exponent that this never has, below 1.6 or above 2.8: for tests of what was not
    trained on."""
    noise, settings = _sample(severity, _trained_demosaicing(rng), rng)
    error = _GAMMA + _OUTSIDE * float(rng.uniform(severity - 1, severity)) / 5
    settings = replace(settings, gamma=GAMMA + error * (1 if rng.integers(2) else -1))
    return _photograph(photo, noise, settings, rng)
