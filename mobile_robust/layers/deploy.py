"""Training form -> deploy form: every submodule that knows how to ``fuse()`` itself is replaced by what that gives.

``fuse()`` is the name that timm's ``reparameterize_model`` looks for as well.
"""

from __future__ import annotations

import copy
from typing import Any, TypeVar

import torch
from torch import nn

M = TypeVar("M", bound=nn.Module)


def deployed(network: M) -> M:
    """The deploy form: an equal function without batch norms, in eval mode and float32. Leaves ``network`` as it is.

    The algebra is done in float64: in float32 the sum of branches that nearly cancel would lose digits.

    Raises:
        RuntimeError: The network is in training mode, where batch norms are not fixed yet.
    """
    if network.training:
        raise RuntimeError(
            f"{type(network).__name__} is in training mode: call eval() first, batch norms are not fixed yet"
        )
    with torch.no_grad():
        return fused(copy.deepcopy(network).double()).float().eval().requires_grad_(False)


def fused(network: M) -> M:
    """The deploy form with shared tensors; a differentiable function of the parameters where gradients are on."""
    if fuse := getattr(network, "fuse", None):
        return fuse()
    return with_children(network, **{name: fused(child) for name, child in network.named_children()})


def with_children(network: M, /, **children: Any) -> M:
    """A copy that shares everything but the named submodules."""
    clone = copy.copy(network)
    for registry in ("_modules", "_parameters", "_buffers"):
        clone.__dict__[registry] = dict(network.__dict__[registry])
    clone.__dict__["_modules"].update(children)
    return clone
