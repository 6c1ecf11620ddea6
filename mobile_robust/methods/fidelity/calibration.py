"""How the fidelity map calibrates a network (report, section 4.3, Fig. 4.2): by factors and shifts of every position
of the input and of what goes into every pool, and by factors and a mixture of the pooled features.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mobile_robust.data.images import Size
from mobile_robust.layers.channel_shift import ChannelShift

#: Filters of a level's first convolution.
_FILTERS = 16
#: Widths of the small form behind the pooled map: of the factors, and of the mixture.
NANO_FACTORS, NANO_MIXTURE = 128, 256


@dataclass(frozen=True)
class Shape:
    """What is calibrated.

    Attributes:
        image: Height and width of the image.
        map: Of the fidelity map.
        levels: Of the feature maps in front of the pools.
        features: How many are pooled.
        nano: Whether it is the small form: see the classes.
        blocks: Height and width of the ends of blocks.
    """

    image: Size
    map: Size
    levels: tuple[Size, ...]
    features: int
    nano: bool
    blocks: tuple[Size, ...] = ()

    def scaled(self, size: Size, now: Size) -> Size:
        """A size in a network that sees, instead of the image, a crop whose map is ``now``."""
        height, width = (
            math.ceil(side * cells / whole) for side, cells, whole in zip(size, now, self.map, strict=True)
        )
        return height, width


class SpatialLevels(nn.Module):
    """fidelity (B, 1, h, w) -> a map for the input and one for every level, each (B, 1, h, w) of that level.

    Level 0 is a small convolutional network of the fidelity; every further one is the same of the map before, which is
    added (the residual), brought to the level's size. The paper pads by reflection and resizes bilinearly, the small
    form pads with zeros, and averages.
    """

    def __init__(self, shape: Shape, residual: bool) -> None:
        super().__init__()
        self.shape, self.residual = shape, residual
        mode: Literal["zeros", "reflect"] = "zeros" if shape.nano else "reflect"
        self.levels = nn.ModuleList()
        for _ in (shape.image, *shape.levels):
            first = nn.Conv2d(1, _FILTERS, 3, padding=1, padding_mode=mode)
            last = nn.Conv2d(_FILTERS, 1, 3, padding=1, padding_mode=mode)
            self.levels.append(nn.Sequential(first, nn.ReLU(inplace=True), last))

    def forward(self, fidelity: Tensor) -> list[Tensor]:
        first, *others = self.levels
        x = first(fidelity)
        now = fidelity.shape[2], fidelity.shape[3]
        maps = [_resize(x, self.shape.scaled(self.shape.image, now), self.shape.nano)]
        for level, size in zip(others, self.shape.levels, strict=True):
            x = level(x) + x if self.residual else level(x)
            maps.append(x := _resize(x, self.shape.scaled(size, now), self.shape.nano))
        return maps


class BlockShifts(nn.Module):
    """fidelity (B, 1, h, w) -> a shift of every channel at every position of each block's end, (B, C, h', w').

    What noise does to the means of deeper layers is large and alike for most photos; what is left of it behind the
    restorer the map says.

    Args:
        spreads: How far the channels of each block's end vary, (C,): the unit in which their shift is learned.
    """

    def __init__(self, shape: Shape, spreads: Sequence[Tensor]) -> None:
        super().__init__()
        self.shape = shape
        self.features = nn.Sequential(nn.Conv2d(1, _FILTERS, 3, padding=1), nn.ReLU(inplace=True))
        self.shifts = nn.ModuleList([ChannelShift(_FILTERS, spread) for spread in spreads])

    def forward(self, fidelity: Tensor) -> list[Tensor]:
        x, now = self.features(fidelity), (fidelity.shape[2], fidelity.shape[3])  # (B, 16, h, w)
        sizes = dict.fromkeys(self.shape.blocks)
        features = {size: _resize(x, self.shape.scaled(size, now), True) for size in sizes}
        return [shift(features[size]) for shift, size in zip(self.shifts, self.shape.blocks, strict=True)]


class FlatFidelity(nn.Module):
    """fidelity (B, 1, h, w) -> what the pooled features are calibrated by, (B, numbers).

    The paper resamples the map, row by row and column by column, to as many numbers as there are features; the small
    form has mean and maximum over the cells of the last level.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.nano, self.count = shape.nano, shape.features // 2
        self.cells, self.map = shape.levels[-1], shape.map
        self.numbers = 2 * self.cells[0] * self.cells[1] if shape.nano else 2 * self.count

    def forward(self, fidelity: Tensor) -> Tensor:
        if self.nano:
            if fidelity.shape[2:] == self.map:  # whole cells, which every runtime can pool
                cell = self.map[0] // self.cells[0], self.map[1] // self.cells[1]
                pooled = F.avg_pool2d(fidelity, cell, cell), F.max_pool2d(fidelity, cell, cell)
            else:
                pooled = F.adaptive_avg_pool2d(fidelity, self.cells), F.adaptive_max_pool2d(fidelity, self.cells)
            return torch.cat([each.flatten(1) for each in pooled], 1)
        return torch.cat([_resample(each.flatten(2), self.count) for each in (fidelity, fidelity.mT)], 2).flatten(1)


class Calibration(nn.Module):
    """fidelity (B, 1, h, w) -> the context of all edits; and the edits.

    Args:
        shape: See there.
        without: Modules that are left out.
        ensemble: Whether unedited features are mixed in.
        spreads: Of the ends of blocks, see :class:`BlockShifts`.
    """

    def __init__(
        self, shape: Shape, without: Collection[str] = (), ensemble: bool = False, spreads: Sequence[Tensor] = ()
    ) -> None:
        super().__init__()
        residual, features = "residual" not in without, shape.features
        self.nano = shape.nano
        self.gains = SpatialLevels(shape, residual) if "spatial_multiplication" not in without else None
        self.shifts = SpatialLevels(shape, residual) if "spatial_addition" not in without else None
        self.blocks = BlockShifts(shape, spreads) if spreads else None
        self.flat = FlatFidelity(shape)
        factors, mixture = (NANO_FACTORS, NANO_MIXTURE) if shape.nano else (features // 2, features // 2)
        numbers = self.flat.numbers
        self.factors = _two_layers(numbers, factors, features) if "channel_multiplication" not in without else None
        self.mixture = (
            _two_layers(features + numbers, mixture, features) if "channel_concatenation" not in without else None
        )
        self.ensemble = _two_layers(1, features // 2, features) if ensemble else None
        self.levels, self.shape = 1 + len(shape.levels), shape

    def start_at_identity(self) -> None:
        """Makes the small form edit nothing: all last layers give zeros. The paper's mixture has no shortcut."""
        spatial = [level for chain in (self.gains, self.shifts) if chain for level in chain.levels]
        for layers in [*spatial, self.factors, self.mixture]:
            if isinstance(layers, nn.Sequential):
                for parameter in layers[-1].parameters():
                    nn.init.zeros_(parameter)
        for parameter in self.blocks.shifts.parameters() if self.blocks else ():
            nn.init.zeros_(parameter)

    @property
    def contexts(self) -> int:
        """How many tensors :meth:`forward` gives for the spatial edits."""
        return self.levels * ((self.gains is not None) + (self.shifts is not None)) + len(self.shape.blocks)

    def forward(self, fidelity: Tensor) -> tuple[Tensor, ...]:
        """Factors of all levels, shifts of all levels (each (B, 1, h, w)), shifts of all blocks (B, C, h, w), what the
        pooled features need (B, numbers) and, with an ensemble, the mean fidelity (B, 1)."""
        gains = [_factor(each) for each in self.gains(fidelity)] if self.gains else []
        shifts = self.shifts(fidelity) if self.shifts else []
        blocks = self.blocks(fidelity) if self.blocks else []
        flat = [self.flat(fidelity)] if self.factors or self.mixture else []
        mean = [fidelity.mean((1, 2, 3))[:, None]] if self.ensemble else []
        return (*gains, *shifts, *blocks, *flat, *mean)

    def neutral(self, like: Tensor) -> tuple[Tensor, ...]:
        """The spatial context that edits nothing."""
        gains = [like.new_ones(1, 1, 1, 1)] * self.levels if self.gains else []
        shifts = [like.new_zeros(1, 1, 1, 1)] * self.levels if self.shifts else []
        blocks = [like.new_zeros(1, 1, 1, 1)] * len(self.shape.blocks)
        return (*gains, *shifts, *blocks)

    def editor(self, index: int) -> Edit:
        """The edit of a level's feature map (0: the normalized image), then those of the blocks."""
        gains = self.levels if self.gains is not None else 0
        if index >= self.levels:
            spatial = self.contexts - len(self.shape.blocks)
            return Edit(None, spatial + index - self.levels)
        return Edit(index if gains else None, gains + index if self.shifts is not None else None)

    def edit_pooled(self, features: Tensor, context: Sequence[Tensor]) -> Tensor:
        """The pooled features (B, F), edited."""
        if not self.factors and not self.mixture:
            return features
        flat = context[self.contexts]
        if self.factors:
            features = features * _factor(self.factors(flat))
        if self.mixture:
            mixed = self.mixture(torch.cat([features, flat], 1))
            features = features + mixed if self.nano else mixed
        return features

    def mix(self, features: Tensor, unedited: Tensor, context: Sequence[Tensor]) -> Tensor:
        """The ensemble: edited and unedited pooled features (B, F), mixed one by one."""
        assert self.ensemble is not None
        share = torch.sigmoid(self.ensemble(context[-1]))
        return (1 - share) * features + share * unedited


class Edit(nn.Module):
    """features (B, C, h, w), context -> features * factor + shift, each given by its index in the context or left out;
    no weights of its own."""

    def __init__(self, gain: int | None, shift: int | None) -> None:
        super().__init__()
        self.gain, self.shift = gain, shift

    def forward(self, features: Tensor, *context: Tensor) -> Tensor:
        if self.gain is not None:
            features = features * context[self.gain]
        return features if self.shift is None else features + context[self.shift]


def _factor(x: Tensor) -> Tensor:
    """2 sigmoid(x); the sigmoid of a Snapdragon's NPU is off by up to 3e-3, see :class:`DeployedNanoRestorer`."""
    return 1 + torch.tanh(x / 2)


def _two_layers(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, outputs))


def _resize(x: Tensor, size: Size, nano: bool) -> Tensor:
    """Bilinearly; the small form by whole factors, where it can."""
    height, width = x.shape[2:]
    if (height, width) == tuple(size):
        return x
    if nano and height % size[0] == 0 == width % size[1]:
        return F.avg_pool2d(x, (height // size[0], width // size[1]))
    if nano and size[0] % height == 0 == size[1] % width:
        return F.interpolate(x, size, mode="nearest")
    return F.interpolate(x, size, mode="bilinear", align_corners=False)


def _resample(x: Tensor, count: int) -> Tensor:
    """(B, 1, n) -> (B, 1, count), linearly between the centres of equal shares."""
    share, rest = divmod(x.shape[-1], count)
    if rest == 0 and share % 2:  # the centres are values themselves: a slice, which every runtime has
        return x[..., share // 2 :: share]
    return F.interpolate(x, count, mode="linear", align_corners=False)
