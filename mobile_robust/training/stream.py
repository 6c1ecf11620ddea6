"""Photos for training, streamed: the order of the photos and everything random in them follow from the seed alone, so
that a resumed run sees what it would have seen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.data.images import Photo, Size
from mobile_robust.data.storage import PhotoPath
from mobile_robust.errors import InputError
from mobile_robust.training.samples import Sampler, stack

#: Decoded photos that each worker process keeps in memory, with a short side of the recipe's size x 256 / 224: 0.3 MB
#: at 224.
CACHED_PHOTOS = 1024


class LoadedBatch(NamedTuple):
    """What a worker process sends for one step."""

    tensors: tuple[Tensor, ...]  # the samples
    broken: list[tuple[PhotoPath, str]]  # the files that could not be read for it, with the reason
    failure: str | None = None  # why there are no samples; an exception would come with the process's traceback


@dataclass(frozen=True, eq=False)
class Batches(Dataset[LoadedBatch]):
    """Step number -> its batch; every photo comes once before any comes twice."""

    dataset: PhotoDataset  # photos of any size; a sample's label is -1 where it has none
    sampler: Sampler
    short: int  # to which the photos' short sides are brought; a photo of exactly ``size`` stays as it is
    size: Size  # of the samples
    batch: int  # samples a step
    seed: int  # of everything random here
    share: tuple[int, int] = (0, 1)  # this process's number, number of processes: each makes its share of every batch

    def __getitem__(self, step: int) -> LoadedBatch:
        """The batch of a step, counted from 0."""
        known = len(self.dataset.broken)
        first, of = self.share
        samples = []
        for number in range(step * self.batch + first, (step + 1) * self.batch, of):
            try:
                photo, label = self._photo(number)
            except InputError as error:
                return LoadedBatch((), [], str(error))
            samples.append(self.sampler(photo, label, np.random.default_rng((self.seed, 1, number))))
        return LoadedBatch(stack(samples), list(self.dataset.broken.items())[known:])

    def _photo(self, number: int) -> tuple[Photo, int]:
        """The photo at a position of the stream; where its file is broken, the next one; InputError: all are."""
        dataset = self.dataset
        epoch, position = divmod(number, len(dataset))
        for index in np.roll(_order(self.seed, epoch, len(dataset)), -position).tolist():
            if dataset.paths[index] in dataset.broken:
                continue
            if (photo := _read(dataset, index, self.short, self.size)) is None:
                continue
            return photo, -1 if dataset.labels is None else dataset.labels[index]
        raise dataset.none_readable()


@lru_cache(2)
def _order(seed: int, epoch: int, count: int) -> np.ndarray:
    return np.random.default_rng((seed, 0, epoch)).permutation(count)


@lru_cache(CACHED_PHOTOS)
def _read(dataset: PhotoDataset, index: int, short: int, size: Size) -> Photo | None:
    photo = dataset.attempt(index)
    return photo if photo is None or photo.shape[:2] == size else with_short_side(photo, short)


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
