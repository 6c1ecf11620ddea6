"""Which operation of a file a kernel of XNNPACK belongs to.

XNNPACK keeps the order of the operations, but not one kernel for each: padding goes into the convolution behind it, a
1x1 convolution is called fully connected, a concatenation becomes one or several copies. So the kernels are laid beside
the operations in order, with as few misfits and gaps as there can be.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

#: The kernel of an activation; TFLite keeps most of them inside the operation before.
_ACTIVATION = "Clamp"

#: Operation -> words in the names of its kernels, where they are not those of the operation.
_KERNELS: dict[str, tuple[str, ...]] = {
    "CONV_2D": ("Convolution", "Fully Connected"),
    "DEPTHWISE_CONV_2D": ("Convolution",),
    "TRANSPOSE_CONV": ("Deconvolution",),
    "CONCATENATION": ("Copy", "Concatenate"),
    "RESHAPE": ("Copy", "Reshape"),
    "PACK": ("Copy",),
    "SPLIT": ("Copy", "Slice"),
    "STRIDED_SLICE": ("Slice", "Copy"),
    "QUANTIZE": ("Convert",),
    "DEQUANTIZE": ("Convert",),
    "PAD": ("Constant Pad",),
    "ADD": ("Add", _ACTIVATION),
    "SUB": ("Subtract", _ACTIVATION),
    "MUL": ("Multiply", _ACTIVATION),
    "DIV": ("Divide", _ACTIVATION),
    "MAX_POOL_2D": ("Max Pool",),
    "AVERAGE_POOL_2D": ("Average Pool", "Mean"),
    "MEAN": ("Mean", "Average Pool", "Reduce"),
    "SUM": ("Sum", "Reduce"),
    "LOGISTIC": ("Sigmoid",),
    "RELU": (_ACTIVATION,),
    "RELU6": (_ACTIVATION,),
    "BATCH_MATMUL": ("Batch Matrix",),
}
#: Operations that often need no kernel of their own.
_DISSOLVED = frozenset({"PAD", "CONCATENATION", "RESHAPE", "RELU", "RELU6", "QUANTIZE", "DEQUANTIZE", "SPLIT", "PACK"})

_MISFIT, _GAP, _SMALL_GAP, _AGAIN = 10.0, 1.0, 0.1, 0.5


def fits(kernel: str, operation: str) -> bool:
    """Whether a kernel, by its name, can be of an operation, by its name."""
    if operation in ("CONV_2D", "DEPTHWISE_CONV_2D") and ("DWConv" in kernel) != (operation == "DEPTHWISE_CONV_2D"):
        return False
    words = _KERNELS.get(operation, (operation,))
    return any(_letters(word) in _letters(kernel) for word in words)


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def align(kernels: Sequence[str], operations: Sequence[str]) -> list[int]:
    """The place among ``operations`` that each of ``kernels`` belongs to; never falls.

    Args:
        kernels: Names, in order.
        operations: Names, in order; at least one.
    """
    gaps = [0.0]  # gaps[j]: cost of no kernel for any of the first j operations
    for name in operations:
        gaps.append(gaps[-1] + (_SMALL_GAP if name in _DISSOLVED else _GAP))
    costs = gaps[:-1]  # costs[j]: of the kernels so far, the next one being the first of operation j
    steps: list[list[int]] = []
    for number, kernel in enumerate(kernels):
        here = [0.0 if fits(kernel, name) else _MISFIT for name in operations]
        if number == 0:
            costs = [cost + own for cost, own in zip(costs, here, strict=True)]
            continue
        best, came_from, row = float("inf"), 0, []
        following = []
        for j, own in enumerate(here):
            if j and costs[j - 1] - gaps[j] < best:  # the kernel before is of an earlier operation
                best, came_from = costs[j - 1] - gaps[j], j - 1
            again, moved = costs[j] + _AGAIN, best + gaps[j]
            row.append(j if again < moved else came_from)
            following.append(min(again, moved) + own)
        costs = following
        steps.append(row)
    if not kernels:
        return []
    places = [min(range(len(operations)), key=lambda j: costs[j] + gaps[-1] - gaps[j + 1])]
    for row in reversed(steps):
        places.append(row[places[-1]])
    return places[::-1]
