"""The table of MIL operations, and helpers that several of them share.

An operation is a function of its MIL parameters by name. Constant scalars arrive as Python values, strings as ``str``,
everything else as tensors: float32 for floats of any declared width, their own dtype for integers and booleans.
Whoever calls it rounds the result to the dtype the file declares, so an operation computes in float32 and returns
what comes out. Semantics are those documented for the operation sets iOS15 to iOS18.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from torch import Tensor

#: Operation type -> implementation, for every operation the reference runtime can execute.
OPS: dict[str, Callable[..., Any]] = {}

#: Integers as a file stores them: a constant vector.
Ints = Tensor | Sequence[int]
_Op = TypeVar("_Op", bound=Callable[..., Any])


def op(function: _Op) -> _Op:
    """Registers the implementation of the operation type of the same name."""
    OPS[function.__name__] = function
    return function


def ints(values: Ints) -> list[int]:
    """A constant vector as Python integers."""
    return [int(value) for value in values]


def per_channel(values: Tensor, rank: int) -> Tensor:
    """(C,) -> (C, 1, ...), to broadcast over a tensor (N, C, ...) of this rank."""
    return values.reshape(-1, *[1] * (rank - 2))
