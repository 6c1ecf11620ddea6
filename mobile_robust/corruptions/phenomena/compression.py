"""Lossy compression: JPEG as in ImageNet-C, and as AFD-Module is tested: JPEG once, JPEG repeated, and AVIF."""

from __future__ import annotations

import io
from functools import partial

import numpy as np
from PIL import Image, features

from mobile_robust.corruptions.corruption import Corruption
from mobile_robust.corruptions.papers import AFD, imagenet_c
from mobile_robust.data.images import JPEG_QUALITIES, Photo, jpeg
from mobile_robust.errors import InputError


def jpeg_compression(photo: Photo, quality: int, rng: np.random.Generator) -> Photo:
    """JPEG by Pillow with 4:2:0 chroma at a quality of 1 (worst) to 95; no randomness."""
    return jpeg(photo, quality)


def jpeg_repeated(photo: Photo, times: int, rng: np.random.Generator) -> Photo:
    """JPEG after JPEG, each at a quality drawn from 25, 18, 15, 10 and 7."""
    for quality in rng.choice(JPEG_QUALITIES, times):
        photo = jpeg(photo, int(quality))
    return photo


def avif(photo: Photo, quality: int, rng: np.random.Generator) -> Photo:
    """AVIF by Pillow with 4:2:0 chroma at a quality of 0 (worst) to 100; no randomness.

    Raises:
        InputError: This Pillow was built without AVIF.
    """
    if not features.check("avif"):
        raise InputError("corruption avif: the installed Pillow cannot write AVIF; pip's wheels of Pillow 11.3 can")
    buffer = io.BytesIO()
    # One thread: the bytes must not depend on how many cores the machine has.
    Image.fromarray(photo).save(buffer, "AVIF", quality=quality, max_threads=1)
    with Image.open(buffer) as image:
        return np.array(image.convert("RGB"))


_of_quality = partial(Corruption, family="compression", levels=JPEG_QUALITIES, unit="quality")

ORDER = 8
ENTRIES = (
    imagenet_c(
        "jpeg_compression",
        jpeg_compression,
        "digital",
        f"JPEG at quality {', '.join(map(str, JPEG_QUALITIES))}",
        JPEG_QUALITIES,
    ),
    _of_quality(
        "jpeg",
        jpeg_compression,
        source=f"{AFD}, section IV (the qualities of ImageNet-C)",
        description="JPEG; the level is the quality",
        limits=(1, 95),
    ),
    Corruption(
        "jpeg_repeated",
        jpeg_repeated,
        "compression",
        f"{AFD}, Table VI",
        "JPEG 1 to 5 times at random qualities of 25 to 7",
        unit="times",
    ),
    _of_quality("avif", avif, source=f"{AFD}, Table IX", description="AVIF; the level is the quality", limits=(0, 100)),
)
