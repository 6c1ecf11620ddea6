"""Resampling of the last two dimensions, and moves between them and the channels."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from mobile_robust.runtimes.coreml_mil.ops.table import op


@op
def resize_nearest_neighbor(x: Tensor, target_size_height: int, target_size_width: int) -> Tensor:
    """Repeats rows and columns. (..., H, W) -> (..., target height, target width).

    Only whole factors: there every convention of pixel centres agrees, elsewhere the documentation does not say which.
    """
    for axis, size in ((-2, target_size_height), (-1, target_size_width)):
        factor, rest = divmod(size, x.shape[axis])
        if rest:
            raise ValueError(f"nearest neighbour from {x.shape[axis]} to {size} is not a whole factor")
        x = x.repeat_interleave(factor, dim=axis)
    return x


@op
def upsample_nearest_neighbor(x: Tensor, scale_factor_height: float = 1, scale_factor_width: float = 1) -> Tensor:
    """Repeats rows and columns by whole factors."""
    return resize_nearest_neighbor(
        x, math.floor(x.shape[-2] * scale_factor_height), math.floor(x.shape[-1] * scale_factor_width)
    )


def _aligned(n: int, m: int) -> Tensor:
    return torch.arange(m) * ((n - 1) / (m - 1) if m > 1 else 0.0)


def _half_pixel(n: int, m: int) -> Tensor:
    return (torch.arange(m) + 0.5) * (n / m) - 0.5


#: Sampling mode -> where, in a grid of n points, each of m samples lies (before clamping to the grid).
_GRIDS: dict[str, Callable[[int, int], Tensor]] = {
    "STRICT_ALIGN_CORNERS": _aligned,
    "ALIGN_CORNERS": lambda n, m: _aligned(n, m) if m > 1 else torch.tensor([(n - 1) / 2]),
    "DEFAULT": lambda n, m: torch.arange(m) * (n / m),
    "OFFSET_CORNERS": lambda n, m: (torch.arange(m) + 0.5) * (max(1, n - 1) / m),
    "UNALIGN_CORNERS": _half_pixel,
}


@op
def resize_bilinear(
    x: Tensor, target_size_height: int = 1, target_size_width: int = 1, sampling_mode: str = "DEFAULT"
) -> Tensor:
    """(..., H, W) -> (..., target height, target width), weighting the two nearest rows and columns."""
    grid = _GRIDS[sampling_mode]
    x = _interpolate(x, -2, grid(x.shape[-2], target_size_height))
    return _interpolate(x, -1, grid(x.shape[-1], target_size_width))


@op
def upsample_bilinear(
    x: Tensor,
    scale_factor_height: float = 1,
    scale_factor_width: float = 1,
    align_corners: bool = True,
    half_pixel_centers: bool | None = None,
) -> Tensor:
    """Bilinear resizing by factors, recomputed from the whole-numbered output size."""
    height, width = math.floor(x.shape[-2] * scale_factor_height), math.floor(x.shape[-1] * scale_factor_width)
    half_pixel = not align_corners if half_pixel_centers is None else half_pixel_centers
    if align_corners and half_pixel:
        raise ValueError("align_corners together with half_pixel_centers")
    mode = "ALIGN_CORNERS" if align_corners else "UNALIGN_CORNERS" if half_pixel else "DEFAULT"
    return resize_bilinear(x, height, width, mode)


def _interpolate(x: Tensor, axis: int, points: Tensor) -> Tensor:
    """Linear interpolation along an axis at these positions, clamped to the grid."""
    size = x.shape[axis]
    points = points.clamp(0, size - 1)
    lower = points.floor().long()
    upper = (lower + 1).clamp(max=size - 1)
    weight = (points - lower).to(x.dtype)
    weight = weight if axis == -1 else weight[:, None]  # (m,) or (m, 1)
    return torch.lerp(x.index_select(axis, lower), x.index_select(axis, upper), weight)


@op
def depth_to_space(x: Tensor, block_size: int) -> Tensor:
    """(N, b b C, H, W) -> (N, C, H b, W b); a channel is (row in block, column in block, C)."""
    n, channels, h, w = x.shape
    b = block_size
    y = x.reshape(n, b, b, channels // (b * b), h, w).permute(0, 3, 4, 1, 5, 2)  # (N, C, H, b, W, b)
    return y.reshape(n, channels // (b * b), h * b, w * b)


@op
def space_to_depth(x: Tensor, block_size: int) -> Tensor:
    """(N, C, H b, W b) -> (N, b b C, H, W); a channel is (row in block, column in block, C)."""
    n, channels, h, w = x.shape
    b = block_size
    y = x.reshape(n, channels, h // b, b, w // b, b).permute(0, 3, 5, 1, 2, 4)  # (N, b, b, C, H, W)
    return y.reshape(n, channels * b * b, h // b, w // b)


@op
def pixel_shuffle(x: Tensor, upscale_factor: int) -> Tensor:
    return F.pixel_shuffle(x, upscale_factor)


@op
def pixel_unshuffle(x: Tensor, downscale_factor: int) -> Tensor:
    return F.pixel_unshuffle(x, int(downscale_factor))
