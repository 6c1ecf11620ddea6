"""What a network costs, and what a module adds to its backbone."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from mobile_robust.contracts.overhead import Overhead
from mobile_robust.pipelines import Model

#: What batch norms keep beside their weights.
_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


class Cost(NamedTuple):
    macs: int  # multiply-accumulates of one inference, batch 1
    parameters: int


def count(network: nn.Module, inputs: dict[str, Tensor]) -> Cost:
    """Counts by running the network once: convolutions and matrix products, as the papers do (their "FLOPs")."""
    return Cost(_macs(lambda: network(*inputs.values())), sum(p.numel() for p in network.parameters()))


def overhead(model: Model) -> Overhead | None:
    """What a recipe's artifacts cost beyond its backbone; None where it has no backbone, or no module."""
    if model.pipeline is None or model.pipeline.is_baseline:
        return None
    inputs = model.example(np.zeros((*model.recipe.input.height_width, 3), np.uint8))
    plain = model.pipeline.frozen()
    image = torch.zeros(1, 3, *model.recipe.input.height_width)
    weights = [x for name, x in plain.backbone_state().items() if not name.endswith(_STATISTICS)]
    backbone = Cost(_macs(lambda: plain.baseline(image)), sum(x.numel() for x in weights))
    made = count(model.deploy, inputs)
    if model.recipe.scope == "module":
        added = made
    else:
        added = Cost(made.macs - backbone.macs, made.parameters - backbone.parameters)
    return Overhead(
        macs=added.macs,
        parameters=added.parameters,
        backbone_macs=backbone.macs,
        backbone_parameters=backbone.parameters,
    )


def _macs(run: Callable[[], Tensor]) -> int:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        run()
    return counter.get_total_flops() // 2
