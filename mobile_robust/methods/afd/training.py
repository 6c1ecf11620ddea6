"""Training AFD-Module (Peng et al., TMM 2024, section IV-B) without labels.

A crop and its JPEG-compressed self go through the frozen stem; the module learns to make the second's features equal to
the first's. To the paper's squared error of the features this adds:

* the frozen tail's view: its feature maps at every resolution and its answer, because what it computes from the
  repaired features matters and not the features themselves;
* clean crops in the mix, so that the module learns to leave good photos alone;
* a start at the identity, where the module changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mobile_robust.methods.afd.network import AFD
from mobile_robust.methods.feature_maps import TailMaps, relative_error
from mobile_robust.methods.task import Task
from mobile_robust.systems import System
from mobile_robust.systems.features import FeaturePipeline

#: Share of the crops that stay as they are: input = target.
CLEAN_SHARE = 1 / 4
#: What the loss is made of; the first is the default. "features" is the paper's, "channels" the same with every channel
#: in units of its own variance, "tail" adds the tail's view.
LOSSES = ("tail", "features", "channels")
#: Weight of the features' error beside that of the tail's maps, which is some fifteen times as large.
FEATURES_WEIGHT = 10.0
#: Weight of the answer's divergence from the clean one, some three times as large as the maps' error.
ANSWER_WEIGHT = 0.3


class Distillation(Task):
    """How far the repaired features, and what the frozen tail makes of them, are from those of the clean crop.

    Args:
        system: See :class:`Task`; the module is made to change nothing at first.
        side: Side of the crops.
        loss: One of :data:`LOSSES`.
    """

    pipeline: FeaturePipeline
    module: AFD

    def __init__(self, system: System, side: int, loss: str = LOSSES[0]) -> None:
        super().__init__(system)
        self.kind = loss
        for norm in self.module.fe.get_submodule("residual").modules():
            if isinstance(norm, nn.BatchNorm2d):
                nn.init.zeros_(norm.weight)
        with torch.no_grad():
            self.features = self.pipeline.features(torch.zeros(1, 3, side, side))
        self.tail = self.learners_tail = TailMaps(self.pipeline.tail, self.features)

    def quantize(self, photos: Tensor) -> None:
        """See :class:`Task`."""
        super().quantize(photos)
        assert self.simulation is not None and isinstance(self.simulation.pipeline, FeaturePipeline)
        self.learners_tail = TailMaps(self.simulation.pipeline.tail, self.features)

    def forward(self, *arrays: Tensor) -> dict[str, Tensor]:
        """Clean and degraded crops, uint8 (B, side, side, 3), and labels, which count for nothing here.

        Errors are fractions of the clean values' variance.
        """
        clean, degraded = map(self.images, arrays[:2])
        with torch.no_grad():
            target = self.pipeline.features(clean)
            targets: Sequence[Tensor] = self.tail(target) if self.kind == "tail" else []
        with self.learner() as pipeline:
            assert isinstance(pipeline, FeaturePipeline)
            with torch.no_grad():
                features = pipeline.features(degraded)
            repaired = pipeline.module(degraded, features)
            seen: Sequence[Tensor] = self.learners_tail(repaired) if self.kind == "tail" else []
        error = relative_error(repaired, target)
        if self.kind == "features":
            return {"loss": error}
        if self.kind == "channels":
            return {"loss": channel_error(repaired, target), "features": error}
        maps = torch.stack([relative_error(x, y) for x, y in zip(seen, targets, strict=True)]).mean()
        answer = divergence(seen[-1], targets[-1])
        loss = FEATURES_WEIGHT * error + maps + ANSWER_WEIGHT * answer
        return {"loss": loss, "features": error, "maps": maps, "answer": answer}


def channel_error(x: Tensor, target: Tensor) -> Tensor:
    """The same channel by channel, (B, C, h, w); their mean. A channel that is nearly constant counts little."""
    square = ((x - target) ** 2).mean((0, 2, 3))
    spread = target.var((0, 2, 3))
    return (square / (spread + 0.1 * spread.mean())).mean()


def divergence(logits: Tensor, wanted: Tensor) -> Tensor:
    """Kullback-Leibler divergence of the classes' probabilities from those wanted, mean over the batch, in nats."""
    return F.kl_div(logits.log_softmax(1), wanted.log_softmax(1), reduction="batchmean", log_target=True)
