"""Shifts of the classifier's blocks, by what the representations say of the whole photo.

What a camera did to a photo is what the pilot representation shows and the baseline representation does not; it moves
the mean of every channel of the network behind, also where the photo is repaired. The paper trains that network along,
so that it gets used to repaired photos. Here its weights stay, and the means follow the single photo (as in FiLM, Perez
et al., AAAI 2018).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mobile_robust.layers.channel_shift import ChannelShift
from mobile_robust.layers.conditioning import Conditioning

#: Channels of the condition's network, and numbers that the shifts are read from.
HIDDEN, RANK = 128, 64


class Shifts(nn.Module):
    """(baseline (B, C, h, w), pilot and refined likewise, DiRNet's first features (B, early, H, W)) -> a shift
    (B, C_i, 1, 1) of each layer.

    Args:
        early: Channels of the first features.
        channels: C.
        spreads: Standard deviation of each layer's channels, (C_i,).
    """

    def __init__(self, early: int, channels: int, spreads: Sequence[Tensor]) -> None:
        super().__init__()
        self.compare = nn.Conv2d(3 * channels, 2 * channels, 1)
        self.condition = Conditioning(early + 2 * channels, HIDDEN, RANK)
        self.layers = nn.ModuleList([ChannelShift(RANK, spread) for spread in spreads])

    def forward(self, baseline: Tensor, pilot: Tensor, refined: Tensor, early: Tensor) -> tuple[Tensor, ...]:
        compared = F.relu(self.compare(torch.cat([baseline, pilot, refined], 1)))  # (B, 2 C, h, w)
        statistics = torch.cat([x.mean((2, 3), keepdim=True) for x in (early, compared)], 1)
        condition = self.condition(statistics)
        return tuple(layer(condition) for layer in self.layers)

    def start_at_zero(self) -> None:
        """Makes it shift nothing."""
        for parameter in self.layers.parameters():
            nn.init.zeros_(parameter)
