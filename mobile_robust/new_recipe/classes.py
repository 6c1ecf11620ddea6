"""How many classes the network in a weights file tells apart."""

from __future__ import annotations

from torch import Tensor, nn

from mobile_robust.contracts.recipe import LEAST_CLASSES, MOST_CLASSES
from mobile_robust.state_dicts import State, below_prefix


def class_count(network: nn.Module, state: State) -> int | None:
    """Rows of the tensors of ``state`` that differ from the network's in their number only; None where there is none,
    or where they disagree."""
    own = network.state_dict()
    _, state = below_prefix(state, [name for name in own if not name.endswith("num_batches_tracked")])
    counts = {state[name].shape[0] for name in own if name in state and _other_rows(state[name], own[name])}
    return counts.pop() if len(counts) == 1 and LEAST_CLASSES <= min(counts) <= MOST_CLASSES else None


def _other_rows(given: Tensor, own: Tensor) -> bool:
    return given.dim() == own.dim() > 0 and given.shape[1:] == own.shape[1:] and given.shape[0] != own.shape[0]
