"""What a network takes for the calibration photos of a build."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import zip_longest

from torch import Tensor

from mobile_robust.contracts.recipe import QuantizationSection
from mobile_robust.corruptions import corrupt, select
from mobile_robust.data.images import Degrade, Photo
from mobile_robust.errors import InputError

#: Photos to calibrate with where a recipe does not say, every second one degraded.
LEAST_IMAGES = 32
#: Most bytes of inputs that are kept in memory. At 224 x 224, 32 images with the features of a stem take 0.1 GB.
KEPT_BYTES = 1 << 30

#: The inputs of one inference by name, in the order of the network's arguments: batch 1, channels first.
Inputs = dict[str, Tensor]


def degrading(corruptions: Sequence[str]) -> Degrade:
    """Corrupts photo after photo by the next corruption, at the next level once all had their turn; raises InputError
    for an unknown one, or a level outside its limits."""
    turns = _turns(corruptions)

    def degrade(photo: Photo, index: int) -> Photo:
        name, level = turns[index % len(turns)]
        return corrupt(photo, name, level, 0, index)

    return degrade


def count_images(quantization: QuantizationSection) -> int:
    """Photos to calibrate with: what the recipe says, or enough that each of its corruptions is there at every level.

    A range that has not seen the severest levels cuts their repair off: with 32 photos for eleven corruptions at five
    levels an int8 file was right on 10 % of the noisiest photos, where with 128 it was on 20 %, and float32 on 21.
    Raises InputError as :func:`degrading` does.
    """
    return quantization.calibration_images or max(LEAST_IMAGES, 2 * len(_turns(quantization.corruptions)))


def _turns(corruptions: Sequence[str]) -> list[tuple[str, float]]:
    try:
        chosen = select(corruptions)
    except InputError as error:
        raise InputError(f"quantization.corruptions: {error}") from None
    levels = [[(entry.name, level) for level in each] for entry, each in chosen.items()]
    return [turn for turns in zip_longest(*levels) for turn in turns if turn]


class Calibration:
    """The inputs for each photo (uint8, H x W x 3; at least one), in order; may be iterated many times.

    They are computed once and kept. Where all of them would exceed :data:`KEPT_BYTES` (at 1080p they take some 5 GB)
    every pass computes them anew: a stem is cheap beside what the pass is for, and memory and disk stay free.
    """

    def __init__(self, example: Callable[[Photo], Inputs], photos: Sequence[Photo]) -> None:
        self._example, self._photos = example, photos
        self._kept: list[Inputs] = []

    def __len__(self) -> int:
        return len(self._photos)

    def __iter__(self) -> Iterator[Inputs]:
        if self._fits and not self._kept:
            self._kept = [self.first, *map(self._example, self._photos[1:])]
        return iter(self._kept) if self._fits else map(self._example, self._photos)

    @cached_property
    def first(self) -> Inputs:
        """The inputs for the first photo: the example that converters trace the network with."""
        return self._example(self._photos[0])

    @property
    def _fits(self) -> bool:
        return len(self) * sum(x.nbytes for x in self.first.values()) <= KEPT_BYTES
