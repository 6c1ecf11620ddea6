"""Training AFD-Module (Peng et al., TMM 2024, section IV-B) without labels.

A crop and its JPEG-compressed self go through the frozen stem; the module learns to make the second's features equal to
the first's. To the paper's squared error of the features this adds:

* the frozen tail's view, its feature maps at every resolution and its answer: what it computes from the repaired
  features matters, not the features themselves;
* clean crops in the mix, so that the module learns to leave good photos alone;
* a start at the identity, where the module changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mobile_robust.data.image_spec import ImageSpec
from mobile_robust.layers.joined_batch import joined_variance
from mobile_robust.methods.afd.method import AFDTraining
from mobile_robust.methods.afd.network import AFD
from mobile_robust.methods.feature_maps import TailMaps, relative_error, tail_error
from mobile_robust.methods.pipeline import CutPipeline
from mobile_robust.methods.task import Batch, Task

#: Weight of the features' error beside that of the tail's maps, which is some fifteen times as large.
FEATURES_WEIGHT = 10.0


class Distillation(Task[CutPipeline, AFD]):
    """How far the repaired features, and what the frozen tail makes of them, are from those of the clean crop."""

    def __init__(self, pipeline: CutPipeline, image: ImageSpec, options: AFDTraining, steps: int) -> None:
        super().__init__(pipeline, image, options, steps)
        self.kind = options.loss
        start_at_identity(self.module)
        with torch.no_grad():
            self.features = self.pipeline.features(torch.zeros(1, 3, *image.size))
        self.tail = self.student_tail = TailMaps(self.pipeline.tail, self.features)

    def use_student(self, pipeline: CutPipeline) -> None:
        self.student_tail = TailMaps(pipeline.tail, self.features)

    def loss(self, student: CutPipeline, batch: Batch) -> dict[str, Tensor]:
        """Errors are fractions of the clean values' variance; labels are not used."""
        clean, degraded = self.images(batch.clean), self.images(batch.degraded)
        with torch.no_grad():
            target = self.pipeline.features(clean)
            targets: Sequence[Tensor] = self.tail(target) if self.kind == "tail" else []
            features = student.features(degraded)
        repaired = student.module(degraded, features)
        seen: Sequence[Tensor] = self.student_tail(repaired) if self.kind == "tail" else []
        error = relative_error(repaired, target)
        if self.kind == "features":
            return {"loss": error}
        if self.kind == "channels":
            return {"loss": channel_error(repaired, target), "features": error}
        tail = tail_error(seen, targets)
        return {"loss": FEATURES_WEIGHT * error + tail.pop("tail"), "features": error, **tail}


def start_at_identity(module: AFD) -> None:
    """Makes the module change nothing."""
    for norm in module.fe.residual.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.zeros_(norm.weight)


def channel_error(x: Tensor, target: Tensor) -> Tensor:
    """:func:`relative_error` of every channel of (B, C, h, w), on average; a nearly constant one counts little."""
    square = ((x - target) ** 2).mean((0, 2, 3))
    spread = joined_variance(target, (0, 2, 3))
    return (square / (spread + 0.1 * spread.mean())).mean()
