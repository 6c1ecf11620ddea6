"""What a network costs: multiply-accumulates and parameters."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode


class Cost(NamedTuple):
    """Of one inference, batch 1."""

    macs: int
    parameters: int


def count(network: nn.Module, inputs: dict[str, Tensor]) -> Cost:
    """Counts by running the network once: convolutions and matrix products, as the papers do (their "FLOPs")."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(*inputs.values())
    return Cost(counter.get_total_flops() // 2, sum(p.numel() for p in network.parameters()))
