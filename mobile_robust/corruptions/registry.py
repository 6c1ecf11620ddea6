"""The registry: every corruption that a module of :mod:`mobile_robust.corruptions.phenomena` registers, by name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from importlib import import_module
from itertools import groupby
from pkgutil import iter_modules

import numpy as np

from mobile_robust.corruptions import phenomena
from mobile_robust.corruptions.corruption import REGISTERED, Corruption
from mobile_robust.corruptions.papers import IMAGENET_C
from mobile_robust.data.images import Photo
from mobile_robust.errors import InputError, unknown

#: Images up to this height get the papers' levels for CIFAR.
SMALL_SIDE = 64

#: Order of the families in listings; any other family follows these.
_FAMILIES = (
    *("noise", "blur", "weather", "digital", "extra"),  # ImageNet-C's
    *("light", "mixed", "compression", "deepcorrect", "fidelity", "isp"),
)


#: Order of the modules, in which entries of one family that are from several modules are listed.
_MODULES = ("noise", "blur", "impulse", "weather", "occlusion", "light", "geometry", "compression", "mixed")


def _discover() -> dict[str, Corruption]:
    for name in dict.fromkeys((*_MODULES, *(found.name for found in iter_modules(phenomena.__path__)))):
        import_module(f"{phenomena.__name__}.{name}")
    families = dict.fromkeys((*_FAMILIES, *(entry.family for entry in REGISTERED)))
    return {entry.name: entry for family in families for entry in REGISTERED if entry.family == family}


#: Name -> corruption, family by family.
CORRUPTIONS = _discover()


def by_family() -> dict[str, tuple[Corruption, ...]]:
    """Family -> its corruptions, in the registry's order."""
    groups = groupby(CORRUPTIONS.values(), lambda entry: entry.family)
    return {family: tuple(members) for family, members in groups}


def find(name: str) -> Corruption:
    """A corruption by its name; InputError: it is unknown."""
    if name not in CORRUPTIONS:
        raise unknown("corruption", name, CORRUPTIONS)
    return CORRUPTIONS[name]


def corrupt(photo: Photo, name: str, level: float, seed: int, index: int) -> Photo:
    """A corrupted copy of a photo, (H, W, 3) RGB uint8, sides of at least 32 pixels.

    Args:
        photo: Not modified.
        name: A key of :data:`CORRUPTIONS`.
        level: Severity, 1 to 5, or the level in the corruption's unit.
        seed: Of the random draws, together with the index.
        index: Of the photo in its dataset: every photo has its own draws, independent of the processing order.

    Raises:
        InputError: Unknown corruption, or a level outside its limits.
    """
    entry = find(name)
    entry.check(level)
    key = hashlib.sha256(f"{name} {float(level)!r} {seed} {index}".encode()).digest()
    return entry(photo, level, np.random.default_rng(int.from_bytes(key, "little")))


def select(texts: Iterable[str], small: bool = False) -> dict[Corruption, tuple[float, ...]]:
    """Corruption -> levels, for ``NAME`` (all levels of its source) and ``NAME:LEVEL``, where NAME is a corruption, a
    family or ``imagenet_c`` (the fifteen); repeated levels count once. ``small``: for images up to :data:`SMALL_SIDE`.

    Raises:
        InputError: Unknown corruption or family, or a level that is no number or outside its limits.
    """
    families = {**by_family(), "imagenet_c": tuple(CORRUPTIONS[name] for name in IMAGENET_C)}
    found: dict[Corruption, tuple[float, ...]] = {}
    for text in texts:
        name, colon, number = text.partition(":")
        if name not in CORRUPTIONS and name not in families:
            raise unknown("corruption or family", name, [*CORRUPTIONS, *families])
        for entry in families.get(name) or (CORRUPTIONS[name],):
            levels = (_level(entry, number),) if colon else entry.source_levels(small)
            found[entry] = tuple(dict.fromkeys((*found.get(entry, ()), *levels)))
    return found


def _level(entry: Corruption, text: str) -> float:
    try:
        level = float(text)
    except ValueError:
        least, most = entry.limits
        name = f"{entry.name}:{text}"
        raise InputError(f"corruption {name}: {text!r} is no number; allowed are {least:g} to {most:g}") from None
    entry.check(level)
    return level
