"""What a network computes from the image's size alone, such as the encoding of positions, computed once."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn


class Constant(nn.Module):
    """Gives always the same tensor."""

    value: Tensor

    def __init__(self, value: Tensor) -> None:
        super().__init__()
        self.register_buffer("value", value)

    def forward(self, *_: Any, **__: Any) -> Tensor:
        return self.value


@torch.no_grad()
def fold_constants(network: nn.Module, inputs: Sequence[Tensor]) -> nn.Module:
    """The network for inputs of these shapes, with a :class:`Constant` for every layer that is handed no tensor.
    A converter would leave their arithmetic in the file, in float.

    Args:
        network: In eval mode; stays as it is.
        inputs: One example each.

    Returns:
        A copy, or the network itself where there are no such layers.
    """
    found: dict[str, Tensor] = {}

    def look(name: str) -> Any:
        def hook(module: nn.Module, given: tuple[Any, ...], keywords: dict[str, Any], output: Any) -> None:
            if isinstance(output, Tensor) and not _tensors((given, keywords)):
                found[name] = output

        return hook

    hooks = [
        module.register_forward_hook(look(name), with_kwargs=True) for name, module in network.named_modules() if name
    ]
    try:
        network(*inputs)
    finally:
        for hook in hooks:
            hook.remove()
    if not found:
        return network
    network = copy.deepcopy(network)
    for name, value in found.items():
        network.set_submodule(name, Constant(value))
    return network.eval()


def _tensors(value: Any) -> bool:
    """Whether there is a tensor in nested arguments."""
    if isinstance(value, dict):
        value = tuple(value.values())
    return any(map(_tensors, value)) if isinstance(value, tuple | list) else isinstance(value, Tensor)
