"""Top-1 and top-5 of classifiers on photos, clean and corrupted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mobile_robust.data import Crops, Photo, jpeg
from mobile_robust.errors import InputError

if TYPE_CHECKING:
    from mobile_robust.evaluate.classifiers import Classifier


@dataclass(frozen=True)
class Condition:
    """What is done to the crop before it is classified. ``quality`` None: nothing, the photo is clean."""

    quality: int | None = None

    @property
    def name(self) -> str:
        return "clean" if self.quality is None else f"jpeg {self.quality}"

    def apply(self, crop: Photo) -> Photo:
        """uint8 H x W x 3 -> the same shape."""
        return crop if self.quality is None else jpeg(crop, self.quality)


@dataclass(frozen=True)
class Score:
    """One classifier under one condition. Fractions of ``images``; the interval is Wilson's at 95 %."""

    build: str
    classifier: str
    runtime: str
    condition: str
    images: int
    top1: float
    top1_low: float
    top1_high: float
    top5: float


def score(
    classifiers: Sequence[Classifier],
    crops: Crops,
    labels: Mapping[Path, int],
    conditions: Sequence[Condition],
    advance: Callable[[], None] = lambda: None,
) -> list[Score]:
    """Scores classifiers of one input size; the photos are streamed once.

    Args:
        classifiers: All take photos of ``crops.size``.
        crops: The photos.
        labels: Class index of every photo.
        conditions: What is done to them.
        advance: Called after every photo and classifier.

    Raises:
        InputError: A label beyond a classifier's classes, or no readable photo.
    """
    ranks: dict[tuple[Classifier, Condition], list[int]] = {(c, d): [] for c in classifiers for d in conditions}
    for path, crop in crops:
        corrupted = [(condition, condition.apply(crop)) for condition in conditions]
        for classifier in classifiers:
            for condition, photo in corrupted:
                logits = classifier.predict(photo)
                if labels[path] >= len(logits):
                    raise InputError(
                        f"{path}: label {labels[path]}, but {classifier.name} of {classifier.build} "
                        f"knows the classes 0 to {len(logits) - 1}"
                    )
                ranks[classifier, condition].append(rank(logits, labels[path]))
            advance()
    return [_score(classifier, condition, np.array(places)) for (classifier, condition), places in ranks.items()]


def rank(logits: NDArray[np.floating], label: int) -> int:
    """How many classes come before the right one; of equal logits the first comes first, as in argmax.

    Logits that are not all finite rank every class last: such an answer must never count as right.
    """
    if not np.isfinite(logits).all():
        return len(logits)
    return int((logits > logits[label]).sum() + (logits[:label] == logits[label]).sum())


def wilson(right: int, images: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a fraction."""
    z = 1.959964
    centre = (right + z * z / 2) / (images + z * z)
    half = z / (images + z * z) * sqrt(right * (images - right) / images + z * z / 4)
    return max(0.0, centre - half), min(1.0, centre + half)


def _score(classifier: Classifier, condition: Condition, ranks: NDArray[np.int64]) -> Score:
    images, right = len(ranks), int((ranks < 1).sum())
    return Score(
        classifier.build,
        classifier.name,
        classifier.runtime,
        condition.name,
        images,
        right / images,
        *wilson(right, images),
        float((ranks < 5).mean()),
    )
