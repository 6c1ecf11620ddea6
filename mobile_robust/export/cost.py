"""What a network costs."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode


class Cost(NamedTuple):
    macs: int  # multiply-accumulates of one inference, batch 1
    parameters: int


def count(network: nn.Module, inputs: dict[str, Tensor]) -> Cost:
    """Counts by running the network once: convolutions and matrix products, as the papers do (their "FLOPs")."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(*inputs.values())
    return Cost(counter.get_total_flops() // 2, sum(p.numel() for p in network.parameters()))
