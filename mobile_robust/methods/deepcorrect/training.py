"""Training DeepCorrect (Borkar & Karam, TIP 2019, section 4.2, Eq. 5): its units learn from the cross-entropy of the
frozen network's prediction, on clean and distorted photos, half and half (section 5.1).
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from mobile_robust.data.image_spec import ImageSpec
from mobile_robust.methods.deepcorrect.network import CorrectionUnit, DeepCorrect
from mobile_robust.methods.method import Options
from mobile_robust.methods.pipeline import InsertPipeline
from mobile_robust.methods.task import Batch, Task


class Correction(Task[InsertPipeline, DeepCorrect]):
    """Cross-entropy of the corrected network. The units are made to change nothing at first."""

    def __init__(self, pipeline: InsertPipeline, image: ImageSpec, options: Options, steps: int) -> None:
        super().__init__(pipeline, image, options, steps)
        for unit in self.module.units.values():
            assert isinstance(unit, CorrectionUnit)
            for parameter in unit.residual[-1].parameters():
                nn.init.zeros_(parameter)

    def loss(self, student: InsertPipeline, batch: Batch) -> dict[str, Tensor]:
        return {"loss": F.cross_entropy(student(self.images(batch.degraded)), self.targets(batch))}
