"""The 37 numbers with which SyMPIE's warp brings a degraded image nearest to its clean self, in closed form.

Given the filter, colour matrix and shift are a least-squares problem of 4 unknowns per colour; given those, the filter
is one of 25. Both are drawn towards the numbers that change nothing, so that noise in flat images cannot blow them up,
and are solved in turn.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mobile_robust.layers.dynamic_filter import TAPS
from mobile_robust.layers.per_sample_filter import per_sample_filter2d
from mobile_robust.methods.sympie.network import identity

TURNS = 3
#: Farthest that a number may be from the one that changes nothing. The shift of an image that has (nearly) no colours
#: left is anything up to 50, and a few of those would decide a whole regression.
FARTHEST = 1.5
#: Pull towards the identity, in units of the standardized image's variance: of the filter, and of the colours.
PULL_FILTER, PULL_COLOURS = 0.02, 0.01
#: The filter is told by every second pixel of every second row: a quarter of the work, still thousands of equations.
EVERY = 2


@torch.no_grad()
def fit_warp(images: Tensor, clean: Tensor) -> Tensor:
    """Degraded images and their clean selves, standardized, (B, 3, H, W) -> numbers (B, 37) for the first."""
    images, clean = images.contiguous(), clean.contiguous()
    same = identity().to(images)
    kernel = same[12:].reshape(TAPS, TAPS).repeat(len(images), 1, 1)
    for _ in range(TURNS):
        matrix, offset = _colours(per_sample_filter2d(images, kernel), clean, kernel.sum((1, 2)))
        coloured = (matrix.mT @ images.flatten(2)).reshape(images.shape) + offset[:, :, None, None]
        kernel = torch.stack([_filter(*pair, same[12:]) for pair in zip(coloured, clean, strict=True)])
    # the warp adds its shift in front of the matrix
    shift = torch.linalg.solve(matrix.mT, offset)
    numbers = torch.cat([matrix.flatten(1), shift, kernel.flatten(1)], 1)
    return same + (numbers - same).clamp(-FARTHEST, FARTHEST)


def _colours(filtered: Tensor, clean: Tensor, gain: Tensor) -> tuple[Tensor, Tensor]:
    """Matrix (B, 3, 3) and offset (B, 3) that take filtered colours to clean ones; ``gain`` (B,) of the filter, which
    the offset goes through as well."""
    pixels = filtered.flatten(2)
    ones = gain[:, None, None].expand(-1, 1, pixels.shape[2])
    known, count = torch.cat([pixels, ones], 1), pixels.shape[2]  # (B, 4, H W)
    gram = known @ known.mT / count + PULL_COLOURS * torch.eye(4).to(known)
    wanted = known @ clean.flatten(2).mT / count + PULL_COLOURS * torch.eye(4, 3).to(known)
    solved = torch.linalg.solve(gram, wanted)
    return solved[:, :3], solved[:, 3]


def _filter(coloured: Tensor, clean: Tensor, same: Tensor) -> Tensor:
    """The filter (5, 5) that takes one coloured image (3, H, W) to the clean one; ``same`` (25,) changes nothing."""
    # an image at a time: its shifted copies take many times its memory
    shifted = F.unfold(coloured[:, None], TAPS, padding=TAPS // 2, stride=EVERY).transpose(0, 1).flatten(1)
    wanted = clean[:, ::EVERY, ::EVERY].flatten()  # (3 h w), shifted (25, 3 h w)
    gram = shifted @ shifted.T / len(wanted) + PULL_FILTER * torch.eye(len(same)).to(shifted)
    return torch.linalg.solve(gram, shifted @ wanted / len(wanted) + PULL_FILTER * same).reshape(TAPS, TAPS)
