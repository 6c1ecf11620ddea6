"""Lossy compression: JPEG as in ImageNet-C, as AFD-Module is tested (JPEG once, JPEG repeated, AVIF), and WebP."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image, features

from mobile_robust.corruptions.corruption import F, corruption
from mobile_robust.corruptions.papers import AFD, imagenet_c
from mobile_robust.data.images import JPEG_QUALITIES, Photo, jpeg
from mobile_robust.errors import InputError

_QUALITY: dict[str, Any] = {"levels": JPEG_QUALITIES, "unit": "quality"}


def _afd(name: str, description: str, where: str, **levels: Any) -> Callable[[F], F]:
    return corruption(name, description, family="compression", source=f"{AFD}, {where}", **levels)


@imagenet_c("jpeg_compression", "digital", f"JPEG at quality {', '.join(map(str, JPEG_QUALITIES))}", JPEG_QUALITIES)
@_afd("jpeg", "JPEG; the level is the quality", "section IV (the qualities of ImageNet-C)", **_QUALITY, limits=(1, 95))
def jpeg_compression(photo: Photo, quality: int, rng: np.random.Generator) -> Photo:
    """JPEG by Pillow with 4:2:0 chroma at a quality of 1 (worst) to 95; no randomness."""
    return jpeg(photo, quality)


@_afd("jpeg_repeated", "JPEG 1 to 5 times at random qualities of 25 to 7", "Table VI", unit="times")
def jpeg_repeated(photo: Photo, times: int, rng: np.random.Generator) -> Photo:
    """JPEG after JPEG, each at a quality drawn from 25, 18, 15, 10 and 7."""
    for quality in rng.choice(JPEG_QUALITIES, times):
        photo = jpeg(photo, int(quality))
    return photo


@_afd("avif", "AVIF; the level is the quality", "Table IX", **_QUALITY, limits=(0, 100))
def avif(photo: Photo, quality: int, rng: np.random.Generator) -> Photo:
    """AVIF by Pillow with 4:2:0 chroma at a quality of 0 (worst) to 100; no randomness.

    Raises:
        InputError: This Pillow was built without AVIF.
    """
    # One thread: the bytes must not depend on how many cores the machine has.
    return _by_pillow(photo, "AVIF", quality, max_threads=1)


@corruption(
    "webp",
    "lossy WebP; the level is the quality",
    family="compression",
    source="levels chosen here, JPEG's",
    **_QUALITY,
    limits=(0, 100),
)
def webp(photo: Photo, quality: int, rng: np.random.Generator) -> Photo:
    """Lossy WebP by Pillow, 4:2:0 chroma, at a quality of 0 (worst) to 100; no randomness.

    Raises:
        InputError: This Pillow was built without WebP.
    """
    return _by_pillow(photo, "WebP", quality)


def _by_pillow(photo: Photo, kind: str, quality: int, **options: Any) -> Photo:
    """Written and read again; raises InputError where this Pillow cannot."""
    name = kind.lower()
    if not features.check(name):
        raise InputError(
            f"corruption {name}: the installed Pillow cannot write {kind}; pip's wheels of Pillow 11.3 can"
        )
    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, kind, quality=quality, **options)
    with Image.open(buffer) as image:
        return np.array(image.convert("RGB"))
