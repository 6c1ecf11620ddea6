"""The unit in which channels are shifted."""

from __future__ import annotations

import torch

from mobile_robust.backbones.spread import LEAST_SPREAD, channel_spreads


def test_dead_channels_have_a_share_of_the_widest() -> None:
    noise = torch.randn(4, 3, 50, 50, generator=torch.Generator().manual_seed(0))
    output = noise * torch.tensor([0.0, 2, 5])[:, None, None]
    spread = channel_spreads({"layer": output})["layer"]
    torch.testing.assert_close(spread[1:], output[:, 1:].std((0, 2, 3)))
    torch.testing.assert_close(spread[0], LEAST_SPREAD * spread[2])
