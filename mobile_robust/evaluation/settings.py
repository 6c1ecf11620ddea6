"""The corruption settings that models are compared under: clean, and every corruption at every level."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from mobile_robust.corruptions import SMALL_SIDE, corrupt, select
from mobile_robust.data.images import Photo, Size
from mobile_robust.errors import InputError


@dataclass(frozen=True)
class CorruptionSetting:
    """What is done to a crop before it is classified. ``level`` None: nothing, the photo is clean."""

    corruption: str = "clean"
    level: float | None = None

    @property
    def name(self) -> str:
        """As on the command line: "clean", "jpeg:25"."""
        return self.corruption if self.level is None else f"{self.corruption}:{self.level:g}"

    def apply(self, crop: Photo, seed: int, index: int) -> Photo:
        """uint8 H x W x 3 -> the same shape; ``index`` is the photo's index in its dataset."""
        return crop if self.level is None else corrupt(crop, self.corruption, self.level, seed, index)


CLEAN = CorruptionSetting()


def select_settings(texts: Iterable[str], sizes: Iterable[Size]) -> list[CorruptionSetting]:
    """Clean, then every corruption named (by name, family or group, with or without ":LEVEL") at its levels from mild
    to strong. Small crops have levels of their own.

    Raises:
        InputError: Unknown corruption or level, or sizes whose levels differ.
    """
    wanted = [text for text in texts if text != CLEAN.name]
    found = {small: select(wanted, small) for small in sorted({size[0] <= SMALL_SIDE for size in sizes})}
    first, *others = found.values()
    for other in others:
        for entry in [entry for entry in first if set(first[entry]) != set(other[entry])]:
            raise InputError(
                f"--corruption {entry.name}: its levels for photos of up to {SMALL_SIDE} pixels are others, and some "
                f"models take such photos: name the level, as in {entry.name}:{entry.levels[0]:g}, "
                "or evaluate these models apart"
            )
    settings = [CLEAN]
    for entry, levels in first.items():
        falling = entry.levels[0] > entry.levels[-1]  # a quality: less is worse
        settings += [CorruptionSetting(entry.name, level) for level in sorted(levels, reverse=falling)]
    return settings


def by_corruption(settings: Sequence[CorruptionSetting]) -> dict[str, list[CorruptionSetting]]:
    """Corruption -> its settings, without the clean one."""
    corrupted = [setting for setting in settings if setting != CLEAN]
    return {name: list(group) for name, group in groupby(corrupted, lambda setting: setting.corruption)}
