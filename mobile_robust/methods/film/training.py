"""Training FiLM on DCT statistics, without labels: of a degraded crop the shifted network shall compute what the
unedited one computes of the clean crop, its feature maps at every resolution and its answer.

Half of the crops are clean, which teaches it to leave good photos alone, and it starts with shifts of zero.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from mobile_robust.data.image_spec import ImageSpec
from mobile_robust.errors import InputError
from mobile_robust.methods.afd.training import FEATURES_WEIGHT, start_at_identity
from mobile_robust.methods.feature_maps import TailMaps, relative_error, tail_error
from mobile_robust.methods.film.network import FiLM
from mobile_robust.methods.method import Options
from mobile_robust.methods.pipeline import FoldedInsertPipeline
from mobile_robust.methods.task import Batch, Task
from mobile_robust.state_dicts import apply_state, read_state

#: Crops, of which each gives one number of every statistic.
LEAST_BATCH = 2
#: Learning rate of a trained AFD-Module as a share of that of the shifts, which begin at zero.
LOADED_STEM_RATE = 0.1


class Distillation(Task[FoldedInsertPipeline, FiLM]):
    """How far the shifted network's maps and answer are from the unedited one's of the clean crop."""

    def __init__(self, pipeline: FoldedInsertPipeline, image: ImageSpec, options: Options, steps: int) -> None:
        super().__init__(pipeline, image, options, steps)
        self.stem_rate = 1.0
        for shift in self.module.shifts:
            for parameter in shift.parameters():
                nn.init.zeros_(parameter)
        if self.module.stem:
            start_at_identity(self.module.stem)
        with torch.no_grad():
            self.example = pipeline.head(torch.zeros(1, 3, *image.size))
            _, self.context = self.module.eval().prepare(torch.zeros(1, 3, *image.size))
        self.module.train()
        self.teacher = TailMaps(pipeline.plain, self.example)
        self.use_student(pipeline)

    def load(self, path: Path, what: str) -> None:
        """The weights of the whole module, or of one of its halves: an AFD-Module's then learn slowly, with their batch
        norms as they are; beside the shifts' the stem begins as the identity."""
        state, stem = read_state(path), self.module.stem
        if stem and {name.partition(".")[0] for name in state} <= {"fde", "fe"}:
            apply_state(stem, state, path, what)
            self.stem_rate = LOADED_STEM_RATE
        elif stem and not any(name.startswith("stem.") for name in state):
            identity = {f"stem.{name}": tensor for name, tensor in stem.state_dict().items()}
            apply_state(self.module, {**state, **identity}, path, what)
        else:
            super().load(path, what)

    def param_groups(self) -> list[tuple[list[nn.Parameter], float]]:
        stem = [*self.module.stem.parameters()] if self.module.stem else []
        rest = [parameter for name, parameter in self.module.named_parameters() if not name.startswith("stem.")]
        return [(rest, 1.0), *([(stem, self.stem_rate)] if stem else [])]

    def on_step_start(self, progress: float) -> None:
        super().on_step_start(progress)
        if self.module.stem and self.stem_rate < 1:
            self.module.stem.eval()

    def use_student(self, pipeline: FoldedInsertPipeline) -> None:
        self.maps = TailMaps(pipeline.network, self.example, *self.context)

    def loss(self, student: FoldedInsertPipeline, batch: Batch) -> dict[str, Tensor]:
        """Labels are not used; raises InputError for a single crop, which has no variance."""
        if len(batch.clean) < LEAST_BATCH:
            raise InputError(f"--batch {len(batch.clean)}: FiLM's batch norms need {LEAST_BATCH} or more a process")
        clean, degraded = self.images(batch.clean), self.images(batch.degraded)
        with torch.no_grad():
            target = self.pipeline.head(clean)
            wanted = self.teacher(target)
        image, context = student.module.prepare(degraded)
        features = student.edited_head(image, *context)
        tail = tail_error(self.maps(features, *context), wanted)
        if not self.module.stem:
            return {"loss": tail.pop("tail"), **tail}
        error = relative_error(features, target)
        return {"loss": FEATURES_WEIGHT * error + tail.pop("tail"), "features": error, **tail}
