"""Operations that move values without changing them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from mobile_robust.runtimes.coreml_mil.ops.table import Ints, ints, op


@op
def shape(x: Tensor) -> Tensor:
    return torch.tensor(x.shape)


@op
def reshape(x: Tensor, shape: Ints) -> Tensor:
    """A dimension of 0 is inherited from x, -1 is what remains."""
    return x.reshape([x.shape[axis] if size == 0 else size for axis, size in enumerate(ints(shape))])


@op
def flatten2d(x: Tensor, axis: int = 1) -> Tensor:
    """Two dimensions: those before the axis, and the rest."""
    return x.reshape(x.shape[:axis].numel(), -1)


@op
def squeeze(x: Tensor, axes: Ints | None = None) -> Tensor:
    """Removes dimensions of size 1; others named in ``axes`` stay."""
    return x.squeeze() if axes is None else x.squeeze(ints(axes))


@op
def expand_dims(x: Tensor, axes: Ints) -> Tensor:
    """Inserts dimensions of size 1; the axes count in the result."""
    rank = x.ndim + len(axes)
    for axis in sorted(axis % rank for axis in ints(axes)):
        x = x.unsqueeze(axis)
    return x


@op
def transpose(x: Tensor, perm: Ints) -> Tensor:
    """Permutes the dimensions. In memory too: what follows is several times slower on a permuted view."""
    return x.permute(ints(perm)).contiguous()


@op
def tile(x: Tensor, reps: Ints) -> Tensor:
    return x.tile(ints(reps))


@op
def concat(values: list[Tensor], axis: int, interleave: bool = False) -> Tensor:
    """Joins along an axis, one after the other or (interleaved) element by element in turn."""
    tensors = [torch.as_tensor(value) for value in values]
    if interleave:
        axis %= tensors[0].ndim
        return torch.stack(tensors, axis + 1).flatten(axis, axis + 1)
    return torch.cat([tensor.reshape(1) if tensor.ndim == 0 else tensor for tensor in tensors], axis)


@op
def stack(values: list[Tensor], axis: int) -> Tensor:
    return torch.stack([torch.as_tensor(value) for value in values], axis)


@op
def split(x: Tensor, axis: int, num_splits: int | None = None, split_sizes: Ints | None = None) -> Sequence[Tensor]:
    """Cuts along an axis into equal parts, or parts of given sizes."""
    if split_sizes is not None:
        return torch.split(x, ints(split_sizes), axis)
    if num_splits is None:
        raise ValueError("neither num_splits nor split_sizes is given")
    return torch.split(x, x.shape[axis] // num_splits, axis)


@op
def slice_by_index(
    x: Tensor,
    begin: Ints,
    end: Ints,
    stride: Ints | None = None,
    begin_mask: Ints | None = None,
    end_mask: Ints | None = None,
    squeeze_mask: Ints | None = None,
) -> Tensor:
    """x[begin:end:stride] along every axis. A mask ignores begin or end, or takes one element and drops the axis."""
    none = [0] * x.ndim
    steps = [1] * x.ndim if stride is None else ints(stride)
    open_begin, open_end, single = (none if m is None else ints(m) for m in (begin_mask, end_mask, squeeze_mask))
    for axis, (first, last, step) in enumerate(zip(ints(begin), ints(end), steps, strict=True)):
        size = x.shape[axis]
        if single[axis]:
            x = x.narrow(axis, first % size, 1)
            continue
        bounds = slice(None if open_begin[axis] else first, None if open_end[axis] else last, step)
        x = _take(x, axis, range(size)[bounds])
    return x.squeeze([axis for axis in range(x.ndim) if single[axis]])


@op
def slice_by_size(x: Tensor, begin: Ints, size: Ints) -> Tensor:
    """``size`` elements from ``begin`` along every axis; -1 means all that remain."""
    for axis, (first, count) in enumerate(zip(ints(begin), ints(size), strict=True)):
        first %= x.shape[axis]
        x = x.narrow(axis, first, x.shape[axis] - first if count == -1 else count)
    return x


def _take(x: Tensor, axis: int, positions: range) -> Tensor:
    if positions.step == 1:
        return x.narrow(axis, positions.start, len(positions))
    return x.index_select(axis, torch.tensor(list(positions), dtype=torch.long))


@op
def gather(
    x: Tensor, indices: Tensor | int, axis: int = 0, batch_dims: int = 0, validate_indices: bool = False
) -> Tensor:
    """Takes slices along an axis: (*before, D, *after) -> (*before, *indices.shape, *after)."""
    if batch_dims != 0:
        raise ValueError(f"batch_dims is {batch_dims}, only 0 is supported")
    axis %= x.ndim
    index = torch.as_tensor(indices).long()
    flat = (index % x.shape[axis]).reshape(-1)
    return x.index_select(axis, flat).reshape(*x.shape[:axis], *index.shape, *x.shape[axis + 1 :])


@op
def pad(x: Tensor, pad: Ints, mode: str = "constant", constant_val: float = 0.0) -> Tensor:
    """Pads the last dimensions; ``pad`` holds (before, after) of each, first dimension first."""
    amounts = ints(pad)
    pairs = list(zip(amounts[::2], amounts[1::2], strict=True))
    if mode == "constant":
        return F.pad(x, [amount for pair in reversed(pairs) for amount in pair], value=constant_val)
    for axis, (before, after) in enumerate(pairs, start=x.ndim - len(pairs)):
        last = x.shape[axis] - 1
        positions = torch.arange(-before, last + 1 + after)
        if mode == "reflect":
            positions = last - (last - positions.abs()).abs()
        elif mode == "replicate":
            positions = positions.clamp(0, last)
        else:
            raise ValueError(f"mode is {mode!r}")
        x = x.index_select(axis, positions)
    return x


@op
def crop(x: Tensor, crop_height: Ints, crop_width: Ints) -> Tensor:
    """Cuts (top, bottom) rows and (left, right) columns off the last two dimensions."""
    return F.pad(x, [-amount for amount in (*ints(crop_width), *ints(crop_height))])


@op
def reverse(x: Tensor, axes: Ints | None = None) -> Tensor:
    return x.flip(list(range(x.ndim)) if axes is None else ints(axes))
