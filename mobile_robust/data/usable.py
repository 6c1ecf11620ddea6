"""Whether photos are fit to calibrate with: int8 ranges that are read from black or cut-off ones fit no other photo."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mobile_robust.data.images import Photo

#: Fewer different photos than these miss much of what an app will see.
FEW = 8
#: Least standard deviation of a photo that shows anything, in grey levels.
LEAST_DEVIATION = 3.0
#: Share of a photo's values at 0 or 255 from which it shows nothing between, and from which it is doubtful.
CLIPPED, MUCH_CLIPPED = 0.98, 0.5
#: Least correlation of neighbouring pixels; of photos some 0.9, of noise 0.
LEAST_CORRELATION = 0.3
#: Photos whose pictures of 8 x 8 pixels differ by less, in grey levels, are of one scene.
LEAST_DIFFERENCE = 4.0
#: So many photos are read for each that is wanted, and then no more.
TRIES = 8


@dataclass
class UsablePhotos:
    """The usable ones of some photos, all different, and how many of the others there were."""

    photos: list[Photo] = field(default_factory=list)
    copies: int = 0
    flat: int = 0
    clipped: int = 0

    @classmethod
    def of(cls, crops: Iterable[Photo], count: int) -> UsablePhotos:
        """The first ``count``, in order."""
        found, tried = cls(), islice(crops, TRIES * count)
        for crop in found._sorted(tried):
            found.photos.append(crop)
            if len(found.photos) == count:
                break
        return found

    def _sorted(self, crops: Iterable[Photo]) -> Iterator[Photo]:
        seen = set()
        for crop in crops:
            content = hashlib.sha256(crop.tobytes()).digest()
            if content in seen:
                self.copies += 1
            elif crop.std(axis=(0, 1)).max() < LEAST_DEVIATION:
                self.flat += 1
            elif clipped(crop) >= CLIPPED:
                self.clipped += 1
            else:
                yield crop
            seen.add(content)

    @property
    def left_out(self) -> str:
        """What the others were; empty: there were none."""
        counts = {"copies of others": self.copies, "of one colour": self.flat, "black and white": self.clipped}
        return ", ".join(f"{count} {what}" for what, count in counts.items() if count)

    def doubts(self, wanted: int) -> Iterator[str]:
        """Sentences on what is doubtful about them as photos for calibration, of which so many are wanted."""
        photos = self.photos
        if self.left_out:
            yield f"calibration photos left out: {self.left_out}"
        if (count := scenes(photos)) < min(FEW, wanted):
            yield f"only {count} different photos to calibrate with: give {FEW} or more"
        for what, count in (
            ("are noise rather than photos: their pixels have little to do with their neighbours", _noise(photos)),
            (f"have {MUCH_CLIPPED:.0%} or more of their values at black or white", _much_clipped(photos)),
        ):
            if 2 * count >= len(photos):
                yield f"{count} of {len(photos)} calibration photos {what}"


def scenes(photos: list[Photo]) -> int:
    """How many photos look different: not copies that were saved again, nor a burst of one view."""
    small: list[NDArray[np.float64]] = []
    for photo in photos:
        grey = Image.fromarray(photo).convert("L").resize((8, 8), Image.Resampling.BOX)
        tiny = np.asarray(grey, np.float64)
        if all(np.abs(tiny - other).mean() >= LEAST_DIFFERENCE for other in small):
            small.append(tiny)
    return len(small)


def clipped(photo: Photo) -> float:
    """Share of the values that are 0 or 255."""
    return float(np.mean((photo == 0) | (photo == 255)))


def correlation(photo: Photo) -> float:
    """Of pixels with their right-hand and lower neighbours, the larger one, in grey."""
    grey = photo.mean(axis=2)
    grey = grey - grey.mean()
    power = float(np.mean(grey**2)) or 1.0
    return max(float(np.mean(grey[:, 1:] * grey[:, :-1])), float(np.mean(grey[1:] * grey[:-1]))) / power


def _noise(photos: list[Photo]) -> int:
    return sum(correlation(photo) < LEAST_CORRELATION for photo in photos)


def _much_clipped(photos: list[Photo]) -> int:
    return sum(clipped(photo) >= MUCH_CLIPPED for photo in photos)
