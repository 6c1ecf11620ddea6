"""How far the restored image is from the clean one, at every position (report, sections 3.1 and 4.2, appendix B)."""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor, nn

from mobile_robust.layers.first_batches_norm import FirstBatchesNorm
from mobile_robust.layers.fuse import affine_of

#: Standard deviation of the error that the report assumes: over its noise levels, what a restorer leaves of them.
_SIGMA = math.sqrt(sum(sigma**2 for sigma in (0.1, 0.2, 0.3, 0.4, 0.5)) / (36 * 2))
#: Mean and standard deviation of the map of such errors, by its kind.
PAPER_STATISTICS = {
    "l1": (_SIGMA * math.sqrt(2 / math.pi), _SIGMA * math.sqrt(1 - 2 / math.pi)),
    "l2": (_SIGMA**2, math.sqrt(2) * _SIGMA**2),
}
_COSINE_EPS = 1e-6


class FidelityMap(nn.Module):
    """Map of errors (B, C, h, w) -> fidelity (B, 1, h, w), the greater the better: 1 - (error - mean) / std, mean of
    the channels. The cosine of two colours is a fidelity already.

    Args:
        kind: "l1", "l2" or "cosine".
        block: 1: an error for every value of the image; more: the mean of blocks of so many pixels a side.
        measured: Whether mean and standard deviation are those of the training's maps, or the report's.
    """

    def __init__(self, kind: str, block: int, measured: bool) -> None:
        super().__init__()
        self.kind, self.block = kind, block
        self.norm = FirstBatchesNorm(1) if measured and kind != "cosine" else None

    def measure(self, restored: Tensor, clean: Tensor) -> Tensor:
        """Two images (B, 3, H, W), RGB in [0, 1] -> the map of errors that an estimator should give."""
        restored = restored.clamp(0, 1)
        if self.kind == "cosine":
            error = F.cosine_similarity(restored, clean, 1, _COSINE_EPS)[:, None]  # (B, 1, H, W)
        else:
            error = (restored - clean).abs() if self.kind == "l1" else (restored - clean).square()
        return error if self.block == 1 else F.avg_pool2d(error.mean(1, keepdim=True), self.block)

    def forward(self, errors: Tensor) -> Tensor:
        if self.norm:
            return 1 - self.norm(errors)
        if self.kind == "cosine":
            return errors
        mean, deviation = PAPER_STATISTICS[self.kind]
        # Not as 1 - x: TFLite's converter folds that into the convolution before as x - 1.
        return (errors * (-1 / deviation) + (1 + mean / deviation)).mean(1, keepdim=True)

    def fuse(self) -> nn.Module:
        if not self.norm:
            return self
        scale, shift = affine_of(self.norm)
        return _Affine(-float(scale), 1 - float(shift))


class _Affine(nn.Module):
    def __init__(self, scale: float, shift: float) -> None:
        super().__init__()
        self.scale, self.shift = scale, shift

    def forward(self, errors: Tensor) -> Tensor:
        return errors * self.scale + self.shift
