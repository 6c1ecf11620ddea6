"""What the shifts of a network's channels are read from."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from mobile_robust.layers.first_batches_norm import FirstBatchesNorm
from mobile_robust.layers.fuse import affine_of, conv_of, fold_affine_before, kernel_of


class Conditioning(nn.Module):
    """Statistics of a photo (B, statistics, 1, 1) -> a few numbers that the shifts of all layers are read from,
    (B, rank, 1, 1)."""

    def __init__(self, statistics: int, hidden: int, rank: int) -> None:
        super().__init__()
        self.norm = FirstBatchesNorm(statistics)
        self.hidden, self.out = nn.Conv2d(statistics, hidden, 1), nn.Conv2d(hidden, rank, 1)

    def forward(self, statistics: Tensor) -> Tensor:
        return F.relu(self.out(F.relu(self.hidden(self.norm(statistics)))))

    def fuse(self) -> nn.Module:
        hidden = conv_of(fold_affine_before(*affine_of(self.norm), kernel_of(self.hidden)))
        return nn.Sequential(hidden, nn.ReLU(), self.out, nn.ReLU())
