"""Matrix products and attention."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mobile_robust.runtimes.coreml_mil.ops.table import op


@op
def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x: (..., D_in), weight: (D_out, D_in) -> (..., D_out)."""
    return F.linear(x, weight, bias)


@op
def matmul(x: Tensor, y: Tensor, transpose_x: bool = False, transpose_y: bool = False) -> Tensor:
    """x: (..., M, K), y: (..., K, N) -> (..., M, N). Transposing a vector has no effect."""
    left = x.mT if transpose_x and x.ndim > 1 else x
    right = y.mT if transpose_y and y.ndim > 1 else y
    return torch.matmul(left, right)


@op
def einsum(values: list[Tensor], equation: str) -> Tensor:
    return torch.einsum(equation, *values)


@op
def scaled_dot_product_attention(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None) -> Tensor:
    """softmax(query keyᵀ / sqrt(E) + mask) value. query: (..., L, E), key: (..., S, E), value: (..., S, V)."""
    return F.scaled_dot_product_attention(query, key, value, attn_mask)
