"""ImageNet-C's spatter: something on the lens hides the scene."""

from __future__ import annotations

import numpy as np

from mobile_robust.corruptions.papers import imagenet_c
from mobile_robust.corruptions.pixels import Floats, convolve, from_unit, gaussian, unit
from mobile_robust.data.images import Photo

_WATER = np.array([175, 238, 238], np.float32) / 255  # pale turquoise
_MUD = np.array([63, 42, 20], np.float32) / 255
#: Gives drops of water a bright and a dark side.
_EMBOSS = np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]])
_BOX = np.full((3, 3), 1 / 9)
#: Distances from a drop's edge are cut off at this many pixels.
_DEPTH = 20


@imagenet_c(
    "spatter",
    "extra",
    "water drops, then mud, on the lens",
    (
        (0.65, 0.3, 4, 0.69, 0.6, 0),
        (0.65, 0.3, 3, 0.68, 0.6, 0),
        (0.65, 0.3, 2, 0.68, 0.5, 0),
        (0.65, 0.3, 1, 0.65, 1.5, 1),
        (0.67, 0.4, 1, 0.65, 1.5, 1),
    ),
)
def spatter(photo: Photo, parameters: tuple[float, ...], rng: np.random.Generator) -> Photo:
    """Drops of water (severities 1 to 3) or splashes of mud (4 and 5), in pixels of 224-pixel images.

    Parameters: mean, standard deviation and smoothing of the noise from which drops are thresholded, the threshold,
    strength of the water or smoothing of the mud, and 0 for water or 1 for mud.

    Water is lit as in the original but for the distance from the drop's edge, which counts rounds of erosion (the
    original: OpenCV's Euclidean distance from an edge detector's edges).
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
    """Light reflected by each pixel of the drops, 0 to 255."""
    distance = _filter(_distance(drops), _BOX).astype(np.uint8)
    counts = np.cumsum(np.bincount(distance.ravel(), minlength=256))
    equalized = 255 * (counts - counts[0]) / max(counts[-1] - counts[0], 1)  # histogram equalization
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
