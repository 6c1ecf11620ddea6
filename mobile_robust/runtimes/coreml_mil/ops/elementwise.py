"""Elementwise operations: arithmetic, comparison, activations."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from mobile_robust.runtimes.coreml_mil.ops.table import OPS, op, per_channel

_UNARY: dict[str, Callable[[Tensor], Tensor]] = {
    "abs": torch.abs,
    "atan": torch.atan,
    "ceil": torch.ceil,
    "cos": torch.cos,
    "erf": torch.erf,
    "exp": torch.exp,
    "exp2": torch.exp2,
    "floor": torch.floor,
    "identity": lambda x: x,
    "logical_not": torch.logical_not,
    "relu": torch.relu,
    "relu6": F.relu6,
    "round": torch.round,
    "sigmoid": torch.sigmoid,
    "sign": torch.sign,
    "silu": F.silu,
    "sin": torch.sin,
    "softplus": lambda x: torch.logaddexp(x, x.new_zeros(())),
    "softsign": F.softsign,
    "sqrt": torch.sqrt,
    "square": torch.square,
    "tanh": torch.tanh,
}

_BINARY: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "add": torch.add,
    "equal": torch.eq,
    "floor_div": torch.floor_divide,
    "greater": torch.gt,
    "greater_equal": torch.ge,
    "less": torch.lt,
    "less_equal": torch.le,
    "logical_and": torch.logical_and,
    "logical_or": torch.logical_or,
    "logical_xor": torch.logical_xor,
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "mod": torch.remainder,
    "mul": torch.mul,
    "not_equal": torch.ne,
    "pow": torch.pow,
    "real_div": torch.true_divide,
    "sub": torch.sub,
}


#: Of one tensor and parameters; what is left out is the default of the documentation.
_PARAMETRIC: dict[str, Callable[..., Tensor]] = {
    "cast": lambda x, dtype: x,  # the caller rounds to the output's declared dtype, which is this one
    "clamped_relu": lambda x, alpha, beta: F.leaky_relu(x, alpha).clamp(max=beta),
    "clip": lambda x, alpha, beta: x.clamp(alpha, beta),
    "elu": lambda x, alpha: F.elu(x, alpha),
    "inverse": lambda x, epsilon=1e-4: torch.reciprocal(x + epsilon),
    "leaky_relu": lambda x, alpha: F.leaky_relu(x, alpha),
    "linear_activation": lambda x, alpha, beta: alpha * x + beta,
    "log": lambda x, epsilon=1e-45: torch.log(x + epsilon),
    "prelu": lambda x, alpha: torch.where(x > 0, x, per_channel(alpha, x.ndim) * x),  # x: (N, C, ...), alpha: (C,)
    "rsqrt": lambda x, epsilon=1e-12: torch.rsqrt(x + epsilon),
    "scaled_tanh": lambda x, alpha, beta: alpha * torch.tanh(beta * x),
    "sigmoid_hard": lambda x, alpha, beta: (alpha * x + beta).clamp(0, 1),
    "threshold": lambda x, alpha: x.clamp(min=alpha),
    "thresholded_relu": lambda x, alpha: torch.where(x >= alpha, x, 0.0),
}

_GELUS: dict[str, Callable[[Tensor], Tensor]] = {
    "EXACT": F.gelu,
    "TANH_APPROXIMATION": lambda x: F.gelu(x, approximate="tanh"),
    "SIGMOID_APPROXIMATION": lambda x: x * torch.sigmoid(1.702 * x),
}


def _unary(function: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    return lambda x: function(torch.as_tensor(x))


def _binary(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    return lambda x, y: function(torch.as_tensor(x), torch.as_tensor(y))


OPS.update({name: _unary(function) for name, function in _UNARY.items()})
OPS.update({name: _binary(function) for name, function in _BINARY.items()})
OPS.update(_PARAMETRIC)


@op
def gelu(x: Tensor, mode: str = "EXACT") -> Tensor:
    """x * P(normal <= x), exact or in one of two approximations."""
    return _GELUS[mode](x)


@op
def select(cond: Tensor, a: Tensor | float, b: Tensor | float) -> Tensor:
    """a where cond, b elsewhere."""
    return torch.where(torch.as_tensor(cond, dtype=torch.bool), torch.as_tensor(a), torch.as_tensor(b))
