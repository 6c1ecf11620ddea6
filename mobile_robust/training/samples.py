"""A photo as a sample: a clean crop, the same crop degraded, and its class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mobile_robust.corruptions import corrupt
from mobile_robust.data.images import Photo, Size

#: Name of a corruption and one of its levels.
Degradation = tuple[str, float]


#: The arrays of a training batch that are one photo's.
Sample = tuple[NDArray[Any], ...]
#: Makes a sample of a photo (uint8, any size) and its label (-1: unknown); pickled into the reading processes.
Sampler = Callable[[Photo, int, np.random.Generator], Sample]


def stack(samples: Sequence[Sample]) -> tuple[Tensor, ...]:
    """Samples as one batch."""
    return tuple(torch.from_numpy(np.stack(arrays)) for arrays in zip(*samples, strict=True))


def random_crop(photo: Photo, size: Size, random: np.random.Generator) -> Photo:
    """A crop of ``size`` from anywhere, mirrored half of the time. A photo of just that size is moved by up to an
    eighth of it, its border mirrored (He et al., 2016, do so on CIFAR)."""
    if photo.shape[:2] == size:
        margin = (size[0] // 8, size[1] // 8)
        photo = np.pad(photo, ((margin[0],) * 2, (margin[1],) * 2, (0, 0)), mode="reflect")
    top, left = (int(random.integers(have - want + 1)) for have, want in zip(photo.shape, size, strict=False))
    crop = photo[top : top + size[0], left : left + size[1]]
    return np.ascontiguousarray(crop[:, ::-1] if random.random() < 0.5 else crop)


@dataclass(frozen=True)
class CropPair:
    """Sampler of (clean crop, the crop to learn from, label): two uint8 H x W x 3 and an int64.

    The crop is degraded, not the photo, as in evaluation: JPEG's 8x8 blocks must lie where a module looks for them.
    """

    size: Size
    degradations: Sequence[Degradation]  # one of them is drawn for every crop that does not stay clean
    clean_share: float

    def __call__(self, photo: Photo, label: int, random: np.random.Generator) -> Sample:
        clean = degraded = random_crop(photo, self.size, random)
        if random.random() >= self.clean_share:
            name, level = self.degradations[int(random.integers(len(self.degradations)))]
            degraded = corrupt(clean, name, level, int(random.integers(2**31)), 0)
        return clean, degraded, np.asarray(label)
