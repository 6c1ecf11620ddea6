"""Answers: what place the right class takes, for some photos under the levels of one corruption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mobile_robust.data.dataset import Photos
from mobile_robust.data.images import Photo, Size, centre_crop, read_image
from mobile_robust.errors import InputError
from mobile_robust.evaluate.models import Model
from mobile_robust.evaluate.predictors import Predict
from mobile_robust.evaluate.settings import Condition

#: Photos that are answered together. Never changed by what else is asked for: a batch of another size may round
#: differently, and an answer may hang on that.
SLICE = 8

#: Places that are told apart: 0 to 4 (the top-5), and all that come after.
BEYOND = 5
#: The place in an unreadable photo.
UNREADABLE = 9


@dataclass(frozen=True)
class Task:
    """Some photos under some conditions, and which models are asked under each (by their index)."""

    size: Size
    start: int
    stop: int
    work: tuple[tuple[Condition, tuple[int, ...]], ...]

    @property
    def answers(self) -> int:
        """How many answers it gives."""
        return (self.stop - self.start) * sum(len(models) for _, models in self.work)


@dataclass(frozen=True)
class Answer:
    """Places by (index of the model, condition), one digit a photo; and why photos are unreadable, by index."""

    places: dict[tuple[int, Condition], str] = field(default_factory=dict)
    unreadable: dict[int, str] = field(default_factory=dict)


class Measure:
    """Answers tasks; opens a model when it is first asked, and reads a slice of photos once.

    Args:
        models: All that tasks speak of.
        photos: The photos.
        seed: Of the corruptions.
    """

    def __init__(self, models: Sequence[Model], photos: Photos, seed: int) -> None:
        self._models, self._photos, self._seed = tuple(models), photos, seed
        self._opened: dict[int, Predict] = {}
        self._slice: tuple[Size, int] | None = None
        self._crops: dict[int, Photo] = {}
        self._unreadable: dict[int, str] = {}

    def __call__(self, task: Task) -> Answer:
        """Answers a task.

        Raises:
            InputError: A model cannot be opened or executed, or a corruption cannot be done here.
        """
        self._read(task)
        answer = Answer(unreadable=self._unreadable)
        for condition, models in task.work:
            corrupted = [condition.apply(crop, self._seed, index) for index, crop in self._crops.items()]
            for model in models:
                answer.places[model, condition] = self._places(task, model, corrupted)
        return answer

    def close(self) -> None:
        """Lets go of the models: one on the GPU engine holds a process."""
        self._opened.clear()

    def _places(self, task: Task, model: int, corrupted: list[Photo]) -> str:
        places = dict.fromkeys(range(task.start, task.stop), UNREADABLE)
        if corrupted:
            if model not in self._opened:
                self._opened[model] = self._models[model].source.open()
            logits = self._opened[model](corrupted)
            for index, row in zip(self._crops, logits, strict=True):
                places[index] = min(place(row, self._photos.labels[index]), BEYOND)
        return "".join(map(str, places.values()))

    def _read(self, task: Task) -> None:
        if self._slice == (task.size, task.start):
            return
        self._slice, self._crops, self._unreadable = (task.size, task.start), {}, {}
        for index in range(task.start, task.stop):
            path = self._photos.paths[index]
            try:
                self._crops[index] = centre_crop(read_image(path), task.size)
            except InputError as error:
                self._unreadable[index] = str(error).removeprefix(f"{path}: ")


def place(logits: NDArray[np.floating], label: int) -> int:
    """How many classes come before the right one; of equal logits the first comes first, as in argmax.

    Logits that are not all finite put every class last: such an answer must never count as right.
    """
    if not np.isfinite(logits).all():
        return len(logits)
    return int((logits > logits[label]).sum() + (logits[:label] == logits[label]).sum())
