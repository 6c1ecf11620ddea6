"""From a Bayer mosaic, cells RG over GB, to three colours: (H, W) -> (3, H, W). Beyond the border it is mirrored at the
last pixel's centre, which keeps the order of the colours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np

from mobile_robust.corruptions.pixels import Floats

Demosaicing = Literal["bilinear", "malvar", "nearest"]

#: The pixels of one colour, and of the greens of rows with red and of rows with blue.
_RED, _BLUE = (slice(0, None, 2), slice(0, None, 2)), (slice(1, None, 2), slice(1, None, 2))
_GREEN_R, _GREEN_B = (slice(0, None, 2), slice(1, None, 2)), (slice(1, None, 2), slice(0, None, 2))


def bilinear(bayer: Floats) -> Floats:
    """The mean of the nearest two or four pixels of a colour."""
    at = _Neighbours(bayer, 1)
    beside, above = (at(0, -1) + at(0, 1)) / 2, (at(-1, 0) + at(1, 0)) / 2
    corners = (at(-1, -1) + at(-1, 1) + at(1, -1) + at(1, 1)) / 4
    return _colours(bayer, (beside + above) / 2, beside, above, corners)


def malvar(bayer: Floats) -> Floats:
    """Malvar, He & Cutler, *High-quality linear interpolation for demosaicing* (ICASSP 2004), Fig. 2: the mean of the
    nearest pixels, corrected by the curvature of the colour that is known."""
    at = _Neighbours(bayer, 2)
    beside, above = at(0, -1) + at(0, 1), at(-1, 0) + at(1, 0)
    beside2, above2 = at(0, -2) + at(0, 2), at(-2, 0) + at(2, 0)
    corners = at(-1, -1) + at(-1, 1) + at(1, -1) + at(1, 1)
    green = (4 * bayer + 2 * (beside + above) - beside2 - above2) / 8
    row = (5 * bayer + 4 * beside - beside2 - corners + above2 / 2) / 8
    column = (5 * bayer + 4 * above - above2 - corners + beside2 / 2) / 8
    other = (6 * bayer + 2 * corners - 1.5 * (beside2 + above2)) / 8
    return _colours(bayer, green, row, column, other)


def nearest(bayer: Floats) -> Floats:
    """Every 2x2 cell has one red and one blue, and each of its rows one green."""
    height, width = bayer.shape
    even = np.pad(bayer, ((0, height % 2), (0, width % 2)), mode="reflect")
    out = np.empty((3, *even.shape), bayer.dtype)
    for i in (0, 1):
        out[1, i::2] = even[i::2, 1 - i :: 2].repeat(2, 1)
        out[0, i::2] = even[_RED].repeat(2, 1)
        out[2, i::2] = even[_BLUE].repeat(2, 1)
    return out[:, :height, :width]


DEMOSAICINGS: Mapping[Demosaicing, Callable[[Floats], Floats]] = {
    "bilinear": bilinear,
    "malvar": malvar,
    "nearest": nearest,
}


class _Neighbours:
    """The mosaic, moved: ``at(dy, dx)`` has at each pixel the value that lies (dy, dx) from it."""

    def __init__(self, bayer: Floats, radius: int) -> None:
        self._padded, self._radius, self._shape = np.pad(bayer, radius, mode="reflect"), radius, bayer.shape

    def __call__(self, dy: int, dx: int) -> Floats:
        (height, width), top, left = self._shape, self._radius + dy, self._radius + dx
        return self._padded[top : top + height, left : left + width]


def _colours(bayer: Floats, green: Floats, row: Floats, column: Floats, other: Floats) -> Floats:
    """Three colours of what each pixel estimates: green where it is not; at a green pixel the colour of its row and
    that of its column; at red blue, and at blue red (``other``)."""
    out = np.stack([bayer] * 3)
    out[1][_RED], out[1][_BLUE] = green[_RED], green[_BLUE]
    for colour, own, opposite, in_row, in_column in (
        (0, _RED, _BLUE, _GREEN_R, _GREEN_B),
        (2, _BLUE, _RED, _GREEN_B, _GREEN_R),
    ):
        out[colour][own] = bayer[own]
        out[colour][opposite] = other[opposite]
        out[colour][in_row], out[colour][in_column] = row[in_row], column[in_column]
    return out
