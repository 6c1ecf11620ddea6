"""A batch norm for statistics of whole photos."""

from __future__ import annotations

from torch import Tensor
from typing_extensions import Self

from mobile_robust.layers.joined_batch import JoinedBatchNorm

#: Batches that give it its statistics.
CALIBRATION_STEPS = 8


class FirstBatchesNorm(JoinedBatchNorm):
    """Takes its statistics from the first batches and keeps them: which degradations a batch happens to hold must not
    change what the others' statistics say. It has no weights."""

    num_batches_tracked: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__(channels, affine=False, momentum=None)  # the mean over all batches that it sees

    def train(self, mode: bool = True) -> Self:
        return super().train(mode and int(self.num_batches_tracked) < CALIBRATION_STEPS)
