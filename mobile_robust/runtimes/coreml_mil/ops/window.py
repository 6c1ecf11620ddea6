"""Operations that slide a window: convolution, transposed convolution, pooling."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from mobile_robust.runtimes.coreml_mil.ops.table import Ints, ints, op, per_channel

#: (before, after) of every spatial dimension.
Pads = list[tuple[int, int]]


@op
def conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    strides: Ints | None = None,
    pad_type: str = "valid",
    pad: Ints | None = None,
    dilations: Ints | None = None,
    groups: int = 1,
) -> Tensor:
    """x: (N, C_in, *D), weight: (C_out, C_in / groups, *K) -> (N, C_out, *D_out)."""
    rank = x.ndim - 2
    stride, dilation = _per_dimension(strides, rank), _per_dimension(dilations, rank)
    reach = [(k - 1) * d + 1 for k, d in zip(weight.shape[2:], dilation, strict=True)]
    pads = _pads(pad_type, pad, x.shape[2:], reach, stride)
    if all(before == after for before, after in pads):
        padding = [before for before, _ in pads]
    else:
        x, padding = _padded(x, pads), [0] * rank
    return torch.convolution(x, weight, bias, stride, padding, dilation, False, [0] * rank, groups)


@op
def conv_transpose(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    pad: Ints | None = None,
    output_shape: Ints | None = None,
    pad_type: str = "valid",
    strides: Ints | None = None,
    dilations: Ints | None = None,
    groups: int = 1,
) -> Tensor:
    """x: (N, C_in, *D), weight: (C_in, C_out / groups, *K) -> (N, C_out, *D_out). Padding crops the full result."""
    rank = x.ndim - 2
    stride, dilation = _per_dimension(strides, rank), _per_dimension(dilations, rank)
    full = torch.convolution(x, weight, None, stride, [0] * rank, dilation, True, [0] * rank, groups)
    sizes = full.shape[2:]
    if pad_type == "same":
        wanted = [size * s for size, s in zip(x.shape[2:], stride, strict=True)]
        crops = [((n - w) // 2, n - w - (n - w) // 2) for n, w in zip(sizes, wanted, strict=True)]
    else:
        crops = _pads(pad_type, pad, x.shape[2:], weight.shape[2:], stride)
    if output_shape is not None:  # the file then says how much is left after the crop before
        wanted = ints(output_shape)[-rank:]
        crops = [(before, n - before - w) for (before, _), n, w in zip(crops, sizes, wanted, strict=True)]
    y = _padded(full, [(-before, -after) for before, after in crops])
    return y if bias is None else y + per_channel(bias, y.ndim)


@op
def max_pool(
    x: Tensor,
    kernel_sizes: Ints,
    strides: Ints | None = None,
    pad_type: str = "valid",
    pad: Ints | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """Largest value under the window. x: (N, C, *D)."""
    kernel, stride = ints(kernel_sizes), _per_dimension(strides, x.ndim - 2)
    pads = _pads(pad_type, pad, x.shape[2:], kernel, stride)
    last = _overhang(x.shape[2:], pads, kernel, stride, ceil_mode)
    pool = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[x.ndim - 3]
    return pool(_padded(_padded(x, pads, -math.inf), last, -math.inf), kernel, stride)


@op
def avg_pool(
    x: Tensor,
    kernel_sizes: Ints,
    strides: Ints | None = None,
    pad_type: str = "valid",
    pad: Ints | None = None,
    exclude_padding_from_average: bool = False,
    ceil_mode: bool = False,
) -> Tensor:
    """Mean under the window. x: (N, C, *D). What ceil mode reaches beyond the padding never counts."""
    kernel, stride = ints(kernel_sizes), _per_dimension(strides, x.ndim - 2)
    pads = _pads(pad_type, pad, x.shape[2:], kernel, stride)
    last = _overhang(x.shape[2:], pads, kernel, stride, ceil_mode)
    pool = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[x.ndim - 3]
    counted = _padded(x.new_ones(1, 1, *x.shape[2:]), pads, 0.0 if exclude_padding_from_average else 1.0)
    share = pool(_padded(counted, last), kernel, stride)  # (1, 1, *D_out): the fraction of the window that counts
    return pool(_padded(_padded(x, pads), last), kernel, stride) / share


def _per_dimension(values: Ints | None, rank: int) -> list[int]:
    return [1] * rank if values is None else ints(values)


def _pads(pad_type: str, pad: Ints | None, sizes: Sequence[int], reach: Sequence[int], strides: Sequence[int]) -> Pads:
    """The padding a pad type stands for.

    ``same`` pads so that the output has ceil(size / stride) elements, an odd element after; ``same_lower`` before.
    """
    if pad_type == "custom" and pad is not None:
        flat = ints(pad)
        return list(zip(flat[::2], flat[1::2], strict=True))
    if pad_type in ("valid", "custom"):
        return [(0, 0)] * len(sizes)
    if pad_type not in ("same", "same_lower"):
        raise ValueError(f"pad_type is {pad_type!r}")
    totals = [
        max(0, (math.ceil(size / stride) - 1) * stride + length - size)
        for size, length, stride in zip(sizes, reach, strides, strict=True)
    ]
    smaller = [(total // 2, total - total // 2) for total in totals]
    return smaller if pad_type == "same" else [(after, before) for before, after in smaller]


def _padded(x: Tensor, pads: Pads, value: float = 0.0) -> Tensor:
    """Pads the spatial dimensions; a negative pad crops."""
    flat = [amount for pair in reversed(pads) for amount in pair]
    return F.pad(x, flat, value=value) if any(flat) else x


def _overhang(sizes: Sequence[int], pads: Pads, kernel: list[int], strides: list[int], ceil_mode: bool) -> Pads:
    """The further padding by which the last window of ceil mode reaches beyond the padded input."""
    more = []
    for size, (before, after), k, stride in zip(sizes, pads, kernel, strides, strict=True):
        padded = size + before + after
        count = math.ceil((padded - k) / stride) + 1
        if before + after > 0 and (count - 1) * stride >= size + before:  # a window of nothing but padding
            count -= 1
        more.append((0, max(0, (count - 1) * stride + k - padded) if ceil_mode else 0))
    return more
