"""Reductions, and the normalizations made of them."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from mobile_robust.runtimes.coreml_mil.ops.table import OPS, Ints, ints, op, per_channel

_REDUCTIONS: dict[str, Callable[[Tensor, list[int], bool], Tensor]] = {
    "reduce_l1_norm": lambda x, axes, keep: x.abs().sum(axes, keepdim=keep),
    "reduce_l2_norm": lambda x, axes, keep: x.square().sum(axes, keepdim=keep).sqrt(),
    "reduce_log_sum_exp": lambda x, axes, keep: x.logsumexp(axes, keepdim=keep),
    "reduce_max": lambda x, axes, keep: x.amax(axes, keepdim=keep),
    "reduce_mean": lambda x, axes, keep: x.mean(axes, keepdim=keep),
    "reduce_min": lambda x, axes, keep: x.amin(axes, keepdim=keep),
    "reduce_sum": lambda x, axes, keep: x.sum(axes, keepdim=keep),
    "reduce_sum_square": lambda x, axes, keep: x.square().sum(axes, keepdim=keep),
}


def _reduction(function: Callable[[Tensor, list[int], bool], Tensor]) -> Callable[..., Tensor]:
    def reduce(x: Tensor, axes: Ints | None = None, keep_dims: bool = False) -> Tensor:
        return function(x, list(range(x.ndim)) if axes is None else ints(axes), keep_dims)

    return reduce


OPS.update({name: _reduction(function) for name, function in _REDUCTIONS.items()})


@op
def reduce_argmax(x: Tensor, axis: int = -1, keep_dims: bool = False, output_dtype: str = "int32") -> Tensor:
    return x.argmax(axis, keepdim=keep_dims)


@op
def softmax(x: Tensor, axis: int = -1) -> Tensor:
    return F.softmax(x, axis)


@op
def batch_norm(
    x: Tensor,
    mean: Tensor,
    variance: Tensor,
    gamma: Tensor | None = None,
    beta: Tensor | None = None,
    epsilon: float = 1e-5,
) -> Tensor:
    """gamma * (x - mean) / sqrt(variance + epsilon) + beta. x: (N, C, ...), the others (C,)."""
    return F.batch_norm(x, mean, variance, gamma, beta, eps=epsilon)


@op
def layer_norm(
    x: Tensor, axes: Ints | None = None, gamma: Tensor | None = None, beta: Tensor | None = None, epsilon: float = 1e-5
) -> Tensor:
    """Normalizes over ``axes``; gamma and beta have the shape of x along them."""
    dims = sorted(axis % x.ndim for axis in (range(x.ndim) if axes is None else ints(axes)))
    y = _normalize(x, dims, epsilon)
    shape = [size if axis in dims else 1 for axis, size in enumerate(x.shape)]
    y = y if gamma is None else y * gamma.reshape(shape)
    return y if beta is None else y + beta.reshape(shape)


@op
def instance_norm(x: Tensor, gamma: Tensor | None = None, beta: Tensor | None = None, epsilon: float = 1e-5) -> Tensor:
    """Normalizes every channel of every image by itself. x: (N, C, ...), gamma and beta: (C,)."""
    y = _normalize(x, list(range(2, x.ndim)), epsilon)
    y = y if gamma is None else y * per_channel(gamma, x.ndim)
    return y if beta is None else y + per_channel(beta, x.ndim)


def _normalize(x: Tensor, dims: list[int], epsilon: float) -> Tensor:
    variance, mean = torch.var_mean(x, dims, correction=0, keepdim=True)
    return (x - mean) / torch.sqrt(variance + epsilon)


@op
def l2_norm(x: Tensor, epsilon: float = 1e-6) -> Tensor:
    """x over the root of its sum of squares along the last three dimensions."""
    return x / torch.sqrt(x.square().sum((-3, -2, -1), keepdim=True) + epsilon)
