"""What goes wrong with photos: one registry; the same name, level, seed and image give the same corruption again.

The same to the byte on one machine; elsewhere other versions of NumPy or Pillow may round single pixels differently.

Lengths are pixels as published, that is, of images of 224 pixels, except where a corruption says otherwise: on larger
photos blurs and drops are relatively smaller. To get the published damage, corrupt the crop that the network sees. The
smallest side is 32.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np

from mobile_robust.corruptions.blur import BLURS
from mobile_robust.corruptions.compression import COMPRESSION
from mobile_robust.corruptions.deepcorrect import DEEPCORRECT
from mobile_robust.corruptions.digital import DIGITAL
from mobile_robust.corruptions.extra import EXTRA
from mobile_robust.corruptions.fidelity import FIDELITY
from mobile_robust.corruptions.light import LIGHT
from mobile_robust.corruptions.mixed import mixed
from mobile_robust.corruptions.noise import NOISES
from mobile_robust.corruptions.registry import Corruption
from mobile_robust.corruptions.weather import WEATHER
from mobile_robust.data.images import Photo
from mobile_robust.errors import InputError, unknown

__all__ = [
    "CORRUPTIONS",
    "IMAGENET_C",
    "PAPER_LEVELS",
    "SMALL_SIDE",
    "Corruption",
    "by_family",
    "check",
    "corrupt",
    "parse",
    "select",
]

_FIFTEEN = (*NOISES, *BLURS, *WEATHER, *DIGITAL)

#: Images up to this height get the papers' levels for CIFAR.
SMALL_SIDE = 64

#: The fifteen that make up ImageNet-C's score, in the order of its families.
IMAGENET_C = tuple(entry.name for entry in _FIFTEEN)

#: Name -> corruption, family by family.
CORRUPTIONS: dict[str, Corruption] = {
    entry.name: entry
    for entry in (*_FIFTEEN, *EXTRA, *LIGHT, mixed((*_FIFTEEN, *LIGHT)), *COMPRESSION, *DEEPCORRECT, *FIDELITY)
}

#: The levels of the papers by corruption: those for images of 32x32 (CIFAR), and those for ImageNet.
PAPER_LEVELS: dict[str, dict[str, tuple[float, ...]]] = {
    name: {"cifar": entry.small_levels, "imagenet": entry.levels} for name, entry in CORRUPTIONS.items()
}


def by_family() -> dict[str, tuple[Corruption, ...]]:
    """Family -> its corruptions, in the registry's order."""
    families: dict[str, tuple[Corruption, ...]] = {}
    for entry in CORRUPTIONS.values():
        families[entry.family] = (*families.get(entry.family, ()), entry)
    return families


def check(name: str, level: float) -> None:
    """Raises InputError for an unknown corruption or a level it does not have."""
    if name not in CORRUPTIONS:
        raise unknown("corruption", name, CORRUPTIONS)
    CORRUPTIONS[name].check(level)


def corrupt(photo: Photo, name: str, level: float, seed: int, index: int) -> Photo:
    """A corrupted photo.

    Args:
        photo: (H, W, 3) RGB uint8, 32 pixels or more a side; stays as it is.
        name: A key of :data:`CORRUPTIONS`.
        level: How strong: its severity, 1 to 5, or the level in its own unit.
        seed: With another seed every image gets other noise.
        index: The image's place in its set: every image gets its own noise, in whatever order they come.

    Raises:
        InputError: Unknown corruption, or a level outside its limits.
    """
    check(name, level)
    key = hashlib.sha256(f"{name} {float(level)!r} {seed} {index}".encode()).digest()
    return CORRUPTIONS[name](photo, level, np.random.default_rng(int.from_bytes(key, "little")))


def parse(text: str, small: bool = False) -> tuple[Corruption, tuple[float, ...]]:
    """What ``NAME`` or ``NAME:LEVEL`` on a command line means: ``fog`` is fog at all its levels, ``fog:3`` at one.

    Args:
        text: What the user wrote.
        small: All levels are those for images of up to :data:`SMALL_SIDE` pixels.

    Raises:
        InputError: Unknown corruption, or a level that it does not have or that is no number.
    """
    name, colon, number = text.partition(":")
    if name not in CORRUPTIONS:
        raise unknown("corruption", name, CORRUPTIONS)
    entry = CORRUPTIONS[name]
    if not colon:
        return entry, entry.small_levels if small else entry.levels
    try:
        level = float(number)
    except ValueError:
        least, most = entry.limits
        raise InputError(f"corruption {text}: {number!r} is no number; allowed are {least:g} to {most:g}") from None
    entry.check(level)
    return entry, (level,)


def select(texts: Iterable[str], small: bool = False) -> dict[Corruption, tuple[float, ...]]:
    """Corruptions and levels for names, families and ``imagenet_c`` (the fifteen), all with or without a level (see
    :func:`parse`); what is named twice counts once.

    Raises:
        InputError: See :func:`parse`; a close match may also be a family.
    """
    families = {**by_family(), "imagenet_c": tuple(CORRUPTIONS[name] for name in IMAGENET_C)}
    found: dict[Corruption, tuple[float, ...]] = {}
    for text in texts:
        name, colon, number = text.partition(":")
        if name not in CORRUPTIONS and name not in families:
            raise unknown("corruption or family", name, [*CORRUPTIONS, *families])
        for member in [entry.name for entry in families.get(name, ())] or [name]:
            entry, levels = parse(member + colon + number, small)
            found[entry] = tuple(dict.fromkeys((*found.get(entry, ()), *levels)))
    return found
