"""Photos for training, streamed: which photo comes when, and what is random in it, follows from the seed alone, so that
a run that goes on after a kill sees what it would have seen."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from mobile_robust.data.images import Photo, read_image
from mobile_robust.errors import InputError
from mobile_robust.train.samples import Sampler, stack

#: Decoded photos that each reading process keeps in memory, with a short side of the recipe's size x 256 / 224: 0.3 MB
#: at 224.
CACHED_PHOTOS = 1024


class Batch(NamedTuple):
    """What a reading process sends for one step.

    Attributes:
        tensors: The samples.
        broken: The files that could not be read for it, with the reason.
        failure: Why there are no samples. (An exception would come out of the process with its traceback.)
    """

    tensors: tuple[Tensor, ...]
    broken: list[tuple[Path, str]]
    failure: str | None = None


class Batches(Dataset[Batch]):
    """Step number -> its batch; every photo comes once before any comes twice.

    Args:
        paths: Image files of any size.
        labels: Their classes, -1 where unknown.
        sampler: Makes a sample of a photo.
        short: Length to which the photos' short sides are brought; a photo of exactly ``size`` stays as it is.
        size: Height and width of the samples in pixels.
        batch: Samples a step.
        seed: Of everything random here.
        share: (this process's number, how many share the work): each takes its part of every batch.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        labels: Sequence[int],
        sampler: Sampler,
        short: int,
        size: tuple[int, int],
        batch: int,
        seed: int,
        share: tuple[int, int] = (0, 1),
    ) -> None:
        self.paths, self.labels, self.sampler = list(paths), list(labels), sampler
        self.short, self.size, self.batch, self.seed, self.share = short, size, batch, seed, share
        self._broken: dict[Path, str] = {}

    def __len__(self) -> int:
        """Photos, not batches: those never end."""
        return len(self.paths)

    def __getitem__(self, step: int) -> Batch:
        """The batch of a step, counted from 0."""
        known = len(self._broken)
        first, of = self.share
        samples = []
        for number in range(step * self.batch + first, (step + 1) * self.batch, of):
            try:
                photo, label = self._photo(number)
            except InputError as error:
                return Batch((), [], str(error))
            samples.append(self.sampler(photo, label, np.random.default_rng((self.seed, 1, number))))
        return Batch(stack(samples), list(self._broken.items())[known:])

    def _photo(self, number: int) -> tuple[Photo, int]:
        """The photo whose turn it is; where its file is broken, the next one's.

        Raises:
            InputError: No photo can be read.
        """
        turn, place = divmod(number, len(self.paths))
        order = _order(self.seed, turn, len(self.paths))
        for index in np.roll(order, -place):
            path = self.paths[index]
            if path in self._broken:
                continue
            try:
                return _read(path, self.short, self.size), self.labels[index]
            except InputError as error:
                self._broken[path] = str(error).removeprefix(f"{path}: ")
        path, reason = next(iter(self._broken.items()))
        raise InputError(f"none of {len(self._broken)} images can be read; the first, {path}: {reason}")


@lru_cache(2)
def _order(seed: int, turn: int, count: int) -> np.ndarray:
    return np.random.default_rng((seed, 0, turn)).permutation(count)


@lru_cache(CACHED_PHOTOS)
def _read(path: Path, short: int, size: tuple[int, int]) -> Photo:
    photo = read_image(path)
    return photo if photo.shape[:2] == size else with_short_side(photo, short)


def with_short_side(photo: Photo, short: int) -> Photo:
    """The photo with its short side brought to ``short`` pixels, as for evaluation; of a very long one, the middle."""
    height, width = photo.shape[:2]
    least = min(height, width)
    if least == short:
        return photo
    top, left = max(0, height - 2 * least) // 2, max(0, width - 2 * least) // 2
    photo = photo[top : top + 2 * least, left : left + 2 * least]
    height, width = (max(short, round(length * short / least)) for length in photo.shape[:2])
    return np.array(Image.fromarray(photo).resize((width, height), Image.Resampling.BICUBIC))
