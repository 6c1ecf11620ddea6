"""ImageNet-C's four extra corruptions, meant for validation."""

from __future__ import annotations

import numpy as np

from mobile_robust.corruptions.pixels import Floats, convolve, from_planes, from_unit, gaussian, planes, unit
from mobile_robust.corruptions.registry import IMAGENET_C, Corruption
from mobile_robust.data.images import Photo

_WATER = np.array([175, 238, 238], np.float32) / 255  # pale turquoise
_MUD = np.array([63, 42, 20], np.float32) / 255
#: Lights drops of water from one side.
_EMBOSS = np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]])
_BOX = np.full((3, 3), 1 / 9)
#: Pixels from a drop's edge beyond which the distance does not matter.
_DEPTH = 20


def speckle_noise(photo: Photo, sigma: float, rng: np.random.Generator) -> Photo:
    """Noise that grows with the value: value times (1 + Gaussian noise of ``sigma``)."""
    values = unit(photo)
    return from_unit(values * (1 + np.float32(sigma) * rng.standard_normal(values.shape, dtype=np.float32)))


def gaussian_blur_imagenetc(photo: Photo, sigma: float, rng: np.random.Generator) -> Photo:
    """Gaussian blur, ``sigma`` in pixels, kernel cut at four sigma, border pixels repeated; no randomness."""
    return from_planes(gaussian(planes(photo), sigma))


def spatter(photo: Photo, parameters: tuple[float, ...], rng: np.random.Generator) -> Photo:
    """Drops of water (severities 1 to 3) or splashes of mud (4 and 5), in pixels of 224-pixel images.

    Its parameters: mean, standard deviation and smoothing of the noise the drops are cut from, the least value that is
    a drop, strength of the water or smoothing of the mud, and 0 for water or 1 for mud.

    The light on the water is the original's but for the distance from the drop's edge, which counts rounds of erosion
    (the original: OpenCV's Euclidean distance from an edge detector's edges).
    """
    mean, deviation, smoothing, least, strength, mud = parameters
    noise = rng.normal(mean, deviation, photo.shape[:2])
    liquid = gaussian(noise, smoothing)
    drops = liquid >= least
    if mud:
        cover = gaussian(drops.astype(np.float32), strength)[..., None]
        cover[cover < 0.8] = 0
        return from_unit(unit(photo) * (1 - cover) + _MUD * cover)
    light = np.where(drops, liquid, 0) * _light(drops)
    cover = (strength * light / max(float(light.max()), 1e-6)).astype(np.float32)[..., None]
    return from_unit(unit(photo) + cover * _WATER)


def _light(drops: np.ndarray) -> Floats:
    """How much light each pixel of the drops sends back, 0 to 255."""
    distance = _filter(_distance(drops), _BOX).astype(np.uint8)
    counts = np.cumsum(np.bincount(distance.ravel(), minlength=256))
    equalized = 255 * (counts - counts[0]) / max(counts[-1] - counts[0], 1)  # its histogram made flat
    embossed = np.clip(_filter(equalized[distance], _EMBOSS[::-1, ::-1]), 0, 255)
    return _filter(embossed, _BOX)


def _filter(image: Floats, kernel: Floats) -> Floats:
    return convolve(image[None].astype(np.float64), kernel)[0]


def _distance(drops: np.ndarray) -> Floats:
    """Pixels to the nearest edge of a drop, from inside and outside, at most :data:`_DEPTH`."""
    total = np.zeros(drops.shape)
    for region in (drops, ~drops):
        for _ in range(_DEPTH):
            if not region.any():
                break
            total += region
            padded = np.pad(region, 1, mode="edge")
            region = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:] & region
    return total


def saturate(photo: Photo, parameters: tuple[float, float], rng: np.random.Generator) -> Photo:
    """The saturation of HSV times a factor plus an amount: (factor, amount); no randomness.

    Severities 1 and 2 take colour away, 3 to 5 add it. Grey has the hue of red, as in the original, so that the amount
    of severities 4 and 5 turns it reddish.
    """
    factor, amount = parameters
    values = unit(photo)
    value = values.max(-1, keepdims=True)
    chroma = value - values  # of a channel: value times saturation times a share that the hue decides
    saturation = chroma.max(-1, keepdims=True) / np.maximum(value, 1e-6)
    more = np.clip(saturation * factor + amount, 0, 1)
    red = value * np.array([0, 1, 1], np.float32) * more
    return from_unit(value - np.where(saturation > 0, chroma * (more / np.maximum(saturation, 1e-6)), red))


EXTRA = (
    Corruption(
        "speckle_noise",
        speckle_noise,
        "extra",
        IMAGENET_C,
        "noise that grows with brightness",
        (0.15, 0.2, 0.35, 0.45, 0.6),
    ),
    Corruption(
        "gaussian_blur_imagenetc",
        gaussian_blur_imagenetc,
        "extra",
        IMAGENET_C,
        "ImageNet-C's gaussian_blur: sigma 1, 2, 3, 4, 6 pixels",
        (1, 2, 3, 4, 6),
    ),
    Corruption(
        "spatter",
        spatter,
        "extra",
        IMAGENET_C,
        "water drops, then mud, on the lens",
        (
            (0.65, 0.3, 4, 0.69, 0.6, 0),
            (0.65, 0.3, 3, 0.68, 0.6, 0),
            (0.65, 0.3, 2, 0.68, 0.5, 0),
            (0.65, 0.3, 1, 0.65, 1.5, 1),
            (0.67, 0.4, 1, 0.65, 1.5, 1),
        ),
    ),
    Corruption(
        "saturate",
        saturate,
        "extra",
        IMAGENET_C,
        "too little colour (1, 2), then too much (3 to 5)",
        ((0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2)),
    ),
)
