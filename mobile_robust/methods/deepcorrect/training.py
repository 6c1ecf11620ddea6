"""Training DeepCorrect (Borkar & Karam, TIP 2019, section 4.2, Eq. 5): the correction units of the filters that a
ranking names learn from the cross-entropy of the frozen network's prediction, on clean and distorted photos, half and
half (section 5.1).
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from mobile_robust.data.images import Size
from mobile_robust.methods.deepcorrect.network import CorrectionUnit, DeepCorrect
from mobile_robust.methods.method import Options
from mobile_robust.methods.pipeline import InsertPipeline
from mobile_robust.methods.task import Batch, Task


class Correction(Task[InsertPipeline, DeepCorrect]):
    """Cross-entropy of the corrected network. The units are made to change nothing at first."""

    def __init__(self, pipeline: InsertPipeline, crop: Size, top: float, options: Options, steps: int) -> None:
        super().__init__(pipeline, crop, top, options, steps)
        for unit in self.module.units.values():
            assert isinstance(unit, CorrectionUnit)
            last = unit.residual[-1]
            assert isinstance(last, nn.Conv2d) and last.bias is not None
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def loss(self, student: InsertPipeline, batch: Batch) -> dict[str, Tensor]:
        return {"loss": F.cross_entropy(student(self.images(batch.degraded)), self.targets(batch))}
