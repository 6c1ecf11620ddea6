"""Compressed weights, decompressed here from what the file stores.

The converter's own decompression is never called: that would only show that the converter agrees with itself.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from mobile_robust.runtimes.coreml_mil.ops.table import Ints, ints, op


@op
def constexpr_affine_dequantize(
    quantized_data: Tensor, zero_point: Tensor | float, scale: Tensor | float, axis: int
) -> Tensor:
    """scale * (q - zero_point), per tensor or per slice along ``axis``.

    An all-zero channel is stored with scale 0 and arbitrary integers, which gives 0 as it should.
    """
    shape = [1] * quantized_data.ndim
    shape[axis] = -1
    scales, zeros = (torch.as_tensor(v, dtype=torch.float32).reshape(shape) for v in (scale, zero_point))
    return scales * (quantized_data.float() - zeros)


@op
def constexpr_blockwise_shift_scale(data: Tensor, scale: Tensor, offset: Tensor | None = None) -> Tensor:
    """scale * (data - offset), where every scale and offset covers one block of the data along each axis."""
    shifted = data.float() if offset is None else data.float() - _fill_blocks(offset.float(), data)
    return _fill_blocks(scale, data) * shifted


def _fill_blocks(values: Tensor, data: Tensor) -> Tensor:
    """Repeats the value of each block over its area: (d0 / b0, d1 / b1, ...) -> (d0, d1, ...)."""
    for axis, size in enumerate(data.shape):
        values = values.repeat_interleave(size // values.shape[axis], dim=axis)
    return values


@op
def constexpr_lut_to_dense(
    indices: Tensor, lut: Tensor, shape: Ints | None = None, vector_axis: int | None = None
) -> Tensor:
    """Palettized weights: each index stands for an entry of a look-up table.

    Two forms exist. With ``shape`` (iOS16) the indices are packed bits and one table serves the whole tensor. Without
    (iOS18) there is one index per weight, and the tables form a grid of blocks: lut is (g0, g1, ..., entries, vector).
    """
    if shape is not None:
        dims = ints(shape)
        unpacked = unpack(indices, bits=int(math.log2(len(lut))), count=math.prod(dims))
        return lut[unpacked.long()].reshape(dims)
    # The block each position belongs to, along every axis, broadcast against the others: (1, .., d_axis, .., 1).
    blocks = [
        (torch.arange(size) // (size // lut.shape[axis])).reshape([-1 if a == axis else 1 for a in range(indices.ndim)])
        for axis, size in enumerate(indices.shape)
    ]
    position = (*blocks, indices.long())
    dense = lut[position]  # (*indices.shape, vector)
    if vector_axis is None:
        return dense.squeeze(-1)
    axis = vector_axis % indices.ndim
    return dense.movedim(-1, axis + 1).flatten(axis, axis + 1)


@op
def constexpr_sparse_to_dense(nonzero_data: Tensor, mask: Tensor, shape: Ints | None = None) -> Tensor:
    """Zeros but where the mask is set: packed bits with ``shape`` (iOS16), without it (iOS18) one value per weight."""
    dims = list(mask.shape) if shape is None else ints(shape)
    kept = mask if shape is None else unpack(mask, bits=1, count=math.prod(dims)).reshape(dims)
    dense = torch.zeros(dims, dtype=nonzero_data.dtype)
    dense[kept.bool()] = nonzero_data
    return dense


@op
def constexpr_cast(source_val: Tensor, output_dtype: str) -> Tensor:
    """The same values, stored narrower than they are used."""
    return source_val


def unpack(packed: Tensor, bits: int, count: int) -> Tensor:
    """The first ``count`` numbers of ``bits`` bits each, packed without gaps, least significant bit first.

    uint8 (bytes,) -> uint8 (count,).
    """
    stream = np.unpackbits(packed.numpy(), bitorder="little", count=count * bits)
    return torch.from_numpy(np.packbits(stream.reshape(count, bits), axis=1, bitorder="little")[:, 0])
