"""Predictions: at which rank the true class comes, for some photos under the levels of one corruption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.data.images import Photo, Size, centre_crop
from mobile_robust.data.storage import PhotoPath
from mobile_robust.evaluation.models import Model
from mobile_robust.evaluation.predictors import Predict
from mobile_robust.evaluation.settings import CorruptionSetting

#: Photos that are classified together. Never changed by what else is asked for: a batch of another size may round
#: differently, and a prediction may depend on that.
BATCH_SIZE = 8

#: Ranks that are distinguished: 0 to 4 (the top-5), and all that come after.
BEYOND_TOP5 = 5
#: The rank in an unreadable photo.
UNREADABLE = 9


@dataclass(frozen=True)
class EvaluationBatch:
    """The photos from ``start`` up to ``stop``, cropped to ``size``; ``work``: corruption settings, and which models
    (by index) classify the photos under each."""

    size: Size
    start: int
    stop: int
    work: tuple[tuple[CorruptionSetting, tuple[int, ...]], ...]

    @property
    def count(self) -> int:
        """Number of its predictions."""
        return (self.stop - self.start) * sum(len(models) for _, models in self.work)


@dataclass(frozen=True)
class Predictions:
    """Of one batch: by (index of the model, setting) the rank of the true class, one digit a photo; and why photos are
    unreadable, by index."""

    ranks: dict[tuple[int, CorruptionSetting], str] = field(default_factory=dict)
    unreadable: dict[int, str] = field(default_factory=dict)


class Evaluator:
    """Evaluates batches of labelled photos: opens a model when it is first needed, reads the photos of a batch once.
    ``models`` are all that batches refer to; ``seed`` is that of the corruptions."""

    def __init__(self, models: Sequence[Model], photos: PhotoDataset, seed: int) -> None:
        assert photos.labels is not None
        self._models, self._photos, self._labels, self._seed = tuple(models), photos, photos.labels, seed
        self._opened: dict[int, Predict] = {}
        self._read: tuple[Size, int, int] | None = None
        self._crops: dict[int, Photo] = {}
        self._unreadable: dict[int, str] = {}

    def __call__(self, batch: EvaluationBatch) -> Predictions:
        """Evaluates a batch.

        Raises:
            InputError: A model cannot be opened or executed, or a corruption cannot be done here; StorageError: a
                storage does not give a photo.
        """
        self._read_photos(batch)
        predictions = Predictions(unreadable=self._unreadable)
        for setting, models in batch.work:
            corrupted = [setting.apply(crop, self._seed, index) for index, crop in self._crops.items()]
            for model in models:
                predictions.ranks[model, setting] = self._ranks(batch, model, corrupted)
        return predictions

    def readable(self, index: int) -> PhotoPath | None:
        """The file of a photo, where this process can read it."""
        return None if self._photos.attempt(index) is None else self._photos.paths[index]

    def close(self) -> None:
        """Releases the models: one on the GPU engine holds a process."""
        self._opened.clear()

    def _ranks(self, batch: EvaluationBatch, model: int, corrupted: list[Photo]) -> str:
        ranks = dict.fromkeys(range(batch.start, batch.stop), UNREADABLE)
        if corrupted:
            if model not in self._opened:
                self._opened[model] = self._models[model].open()
            if self._models[model].needs_clean:
                corrupted = [np.dstack(pair) for pair in zip(corrupted, self._crops.values(), strict=True)]
            logits = self._opened[model](corrupted)  # (photos, classes)
            for index, row in zip(self._crops, logits, strict=True):
                ranks[index] = min(rank_of(self._labels[index], row), BEYOND_TOP5)
        return "".join(map(str, ranks.values()))

    def _read_photos(self, batch: EvaluationBatch) -> None:
        if self._read == (batch.size, batch.start, batch.stop):
            return
        self._read, self._crops, self._unreadable = None, {}, {}  # what was not read to its end is read again
        for index in range(batch.start, batch.stop):
            if (photo := self._photos.attempt(index)) is None:
                self._unreadable[index] = self._photos.broken[self._photos.paths[index]]
            else:
                self._crops[index] = centre_crop(photo, batch.size)
        self._read = (batch.size, batch.start, batch.stop)


def rank_of(label: int, logits: NDArray[np.floating]) -> int:
    """How many classes come before the true one; of equal logits the first comes first, as in argmax.

    Logits that are not all finite put every class last: such a prediction must never count as right.
    """
    if not np.isfinite(logits).all():
        return len(logits)
    return int((logits > logits[label]).sum() + (logits[:label] == logits[label]).sum())
