"""The toy's training: cross-entropy through the frozen classifier."""

from __future__ import annotations

from mobile_robust.methods.toy.method import ToyTraining
from mobile_robust.methods.toy.network import ColourAdapter, GateAdapter
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from mobile_robust.data.image_spec import ImageSpec
from mobile_robust.methods.pipeline import Pipeline
from mobile_robust.methods.task import Batch, Task


class Adjustment(Task[Pipeline, ColourAdapter]):
    """Cross-entropy with smoothed labels. The module is made to change nothing at first."""

    def __init__(self, pipeline: Pipeline, image: ImageSpec, options: ToyTraining, steps: int) -> None:
        super().__init__(pipeline, image, options, steps)
        self.smoothing = options.smoothing
        if isinstance(self.module, GateAdapter):
            for parameter in self.module.gates.parameters():
                nn.init.zeros_(parameter)

    def loss(self, student: Pipeline, batch: Batch) -> dict[str, Tensor]:
        logits = student(self.images(batch.degraded))
        return {"loss": cross_entropy(logits, self.targets(batch), label_smoothing=self.smoothing)}
