"""Training DeepCorrect (Borkar & Karam, TIP 2019, section 4.2, Eq. 5): the correction units of the filters that a
ranking names learn from the cross-entropy of the frozen network's answer, on clean and distorted photos, half and half.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from mobile_robust.methods.classification import Classification
from mobile_robust.methods.deepcorrect.network import CorrectionUnit, DeepCorrect
from mobile_robust.systems import System

#: Share of the crops that stay clean (section 5.1).
CLEAN_SHARE = 0.5


class Correction(Classification):
    """Cross-entropy of the corrected network.

    Args:
        system: See :class:`mobile_robust.methods.task.Task`; its units are made to change nothing at first.
    """

    module: DeepCorrect

    def __init__(self, system: System) -> None:
        super().__init__(system)
        for unit in self.module.units.values():
            assert isinstance(unit, CorrectionUnit)
            last = unit.residual[-1]
            assert isinstance(last, nn.Conv2d) and last.bias is not None
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def forward(self, *arrays: Tensor) -> dict[str, Tensor]:
        """Clean crops and crops to learn from, uint8 (B, H, W, 3), and labels (B,), -1 where unknown."""
        clean, degraded, labels = arrays
        with self.learner() as pipeline:
            answer = pipeline(self.images(degraded))
        return {"loss": F.cross_entropy(answer, self.targets(clean, labels))}
