"""Training FiLM on DCT statistics, without labels: of a degraded crop the shifted network shall compute what the
unedited one computes of the clean crop, its feature maps at every resolution and its answer.

A share of clean crops teaches it to leave good photos alone, and it starts with shifts of zero. Batch norms take their
statistics from the first steps and keep them: which degradations a batch happens to hold must not change what the
others' statistics say.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mobile_robust.data.image_spec import ImageSpec
from mobile_robust.errors import InputError
from mobile_robust.methods.feature_maps import TailMaps, tail_error
from mobile_robust.methods.film.network import FiLM
from mobile_robust.methods.method import Options
from mobile_robust.methods.pipeline import FoldedInsertPipeline
from mobile_robust.methods.task import Batch, Task

#: Crops, of which each gives one number of every statistic.
LEAST_BATCH = 2
#: Steps at first that give the batch norms their statistics.
CALIBRATION_STEPS = 8


class Distillation(Task[FoldedInsertPipeline, FiLM]):
    """How far the shifted network's maps and answer are from the unedited one's of the clean crop."""

    def __init__(self, pipeline: FoldedInsertPipeline, image: ImageSpec, options: Options, steps: int) -> None:
        super().__init__(pipeline, image, options, steps)
        for shift in self.module.shifts:
            for parameter in shift.parameters():
                nn.init.zeros_(parameter)
        for norm in self.norms:
            norm.momentum = None  # the mean over all batches that it sees
        self.example = torch.zeros(1, 3, *image.size)
        self.teacher = TailMaps(pipeline.plain, self.example)
        self.use_student(pipeline)

    @property
    def norms(self) -> list[nn.BatchNorm2d]:
        """Of statistics and condition."""
        return [norm for norm in self.module.modules() if isinstance(norm, nn.BatchNorm2d)]

    def on_step_start(self, progress: float) -> None:
        super().on_step_start(progress)
        for norm in self.norms:
            assert norm.num_batches_tracked is not None
            norm.train(norm.training and int(norm.num_batches_tracked) < CALIBRATION_STEPS)

    def use_student(self, pipeline: FoldedInsertPipeline) -> None:
        shifts = [
            spread[None, :, None, None] for name, spread in self.module.named_buffers() if name.endswith("spread")
        ]
        self.maps = TailMaps(pipeline.network, self.example, *shifts)

    def loss(self, student: FoldedInsertPipeline, batch: Batch) -> dict[str, Tensor]:
        """Labels are not used; raises InputError for a single crop, which has no variance."""
        if len(batch.clean) < LEAST_BATCH:
            raise InputError(f"--batch {len(batch.clean)}: FiLM's batch norms need {LEAST_BATCH} or more a process")
        clean, degraded = self.images(batch.clean), self.images(batch.degraded)
        with torch.no_grad():
            wanted = self.teacher(student.normalize(clean))
        image, context = student.module.prepare(degraded)
        tail = tail_error(self.maps(student.normalize(image), *context), wanted)
        return {"loss": tail.pop("tail"), **tail}
