"""A photo as a sample: a clean crop, the same crop degraded, and its class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mobile_robust.corruptions import corrupt
from mobile_robust.data.images import Photo, Size
from mobile_robust.methods.task import Degradation
from mobile_robust.train.stream import random_crop


@dataclass(frozen=True)
class CropPair:
    """Sampler of (clean crop, the crop to learn from, label): two uint8 H x W x 3 and an int64.

    The crop is degraded, not the photo, as in evaluation: JPEG's 8x8 blocks must lie where a module looks for them.

    Attributes:
        size: Height and width of the crops.
        degradations: One of them is drawn for every crop that does not stay clean.
        clean_share: Share of the crops that stay clean.
    """

    size: Size
    degradations: Sequence[Degradation]
    clean_share: float

    def __call__(self, photo: Photo, label: int, random: np.random.Generator) -> tuple[NDArray[Any], ...]:
        clean = degraded = random_crop(photo, self.size, random)
        if random.random() >= self.clean_share:
            name, level = self.degradations[int(random.integers(len(self.degradations)))]
            degraded = corrupt(clean, name, level, int(random.integers(2**31)), 0)
        return clean, degraded, np.asarray(label)
