"""Photos that no camera takes, by kind, for tests of calibration sets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from mobile_robust.data.images import Photo, built_in_photos

Random = np.random.Generator
SIDE = 32


def plain(*colour: int) -> Callable[[Random], Photo]:
    return lambda _: np.full((SIDE, SIDE, 3), colour, np.uint8)


def near(mean: float, deviation: float) -> Callable[[Random], Photo]:
    def make(random: Random) -> Photo:
        return np.clip(random.normal(mean, deviation, (SIDE, SIDE, 3)), 0, 255).astype(np.uint8)

    return make


def stripes(random: Random) -> Photo:
    width = int(random.integers(1, 8))
    bars = (np.arange(SIDE) // width % 2 * 255).astype(np.uint8)
    return np.broadcast_to(bars[:, None, None], (SIDE, SIDE, 3)).copy()


def photo(random: Random, darkness: float = 1.0) -> Photo:
    """A crop of a real one."""
    found = _PHOTOS[int(random.integers(len(_PHOTOS)))]
    return (np.roll(found, random.integers(SIDE, size=2), (0, 1)) / darkness).astype(np.uint8)


_PHOTOS = built_in_photos((SIDE, SIDE), 24)[::2]  # every second one is compressed

#: Of these nothing is left.
EMPTY: dict[str, Callable[[Random], Photo]] = {
    "black": plain(0),
    "white": plain(255),
    "grey": plain(128),
    "one colour": lambda random: plain(*random.integers(256, size=3))(random),
    "nearly black": near(1, 1),
    "stripes": stripes,
    "checked": lambda random: (random.integers(2, size=(SIDE, SIDE, 1)) * 255).astype(np.uint8).repeat(3, 2),
}
#: These are used, and said to be doubtful.
DOUBTFUL: dict[str, Callable[[Random], Photo]] = {
    "noise": lambda random: random.integers(256, size=(SIDE, SIDE, 3)).astype(np.uint8),
    "faint noise": near(128, 8),
}


def write(folder: Path, photos: list[Photo]) -> Path:
    """The photos as files of a folder, which is made."""
    folder.mkdir()
    for index, each in enumerate(photos):
        Image.fromarray(each).save(folder / f"{index:03}.png")
    return folder
