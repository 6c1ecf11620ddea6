"""What the methods that learn from the classifier's answer have in common: labelled crops, clean and degraded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mobile_robust.corruptions import corrupt
from mobile_robust.data import Photo, Size
from mobile_robust.train.photos import random_crop
from mobile_robust.train.task import Degradation, Task


@dataclass(frozen=True)
class LabelledCrop:
    """Sampler of (clean crop, the crop to learn from, label): two uint8 H x W x 3 and an int64.

    Attributes:
        size: Height and width of the crops.
        degradations: One of them is drawn for every crop that does not stay clean.
        clean_share: Share of the crops that stay clean.
    """

    size: Size
    degradations: Sequence[Degradation]
    clean_share: float

    def __call__(self, photo: Photo, label: int, random: np.random.Generator) -> tuple[NDArray[Any], ...]:
        """See :class:`mobile_robust.train.task.Sampler`."""
        clean = degraded = random_crop(photo, self.size, random)
        if random.random() >= self.clean_share:
            name, level = self.degradations[int(random.integers(len(self.degradations)))]
            degraded = corrupt(clean, name, level, int(random.integers(2**31)), 0)
        return clean, degraded, np.asarray(label)


class Classification(Task):
    """A task whose loss is the cross-entropy of the frozen classifier's answer."""

    def targets(self, clean: Tensor, labels: Tensor) -> Tensor:
        """The classes (B,): the labels, and where there is none (-1) what the backbone answers to the clean crop."""
        if bool((labels >= 0).all()):
            return labels
        with torch.no_grad():
            return torch.where(labels >= 0, labels, self.pipeline.alone(self.images(clean)).argmax(1))
