"""How much of the values that a network's layers get for ordinary photos the calibration photos cover.

An int8 file cuts off what lies outside the ranges that it was calibrated with.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack

import torch
from torch import Tensor, nn

from mobile_robust.contracts.precisions import PRECISIONS
from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.data.images import built_in_photos
from mobile_robust.errors import InputError
from mobile_robust.export.calibration import Calibration, Inputs
from mobile_robust.export.input_statistics import layers_of
from mobile_robust.pipelines import Model

#: Built-in photos that stand for ordinary ones.
ORDINARY_PHOTOS = 8
#: Least share of a layer's range: below the first an int8 file is of no use, below the second it is doubtful.
LEAST, DOUBTFUL = 0.1, 0.5


def check_coverage(model: Model, calibration: Calibration, photos: PhotoDataset | None) -> tuple[str, ...]:
    """A sentence where the photos that a user gave are a doubtful choice for the int8 file of a recipe that has one.

    Raises:
        InputError: They are no choice at all.
    """
    if photos is None or not any(PRECISIONS[precision].integer for _, precision in model.recipe.artifacts.pairs()):
        return ()
    ordinary = built_in_photos(model.recipe.input.height_width, ORDINARY_PHOTOS)
    share, layer = coverage(model.deploy, calibration, map(model.example, ordinary))
    if share >= DOUBTFUL:
        return ()
    found = f"the calibration photos give layer {layer} {share:.0%} of the range that ordinary photos give it"
    if share >= LEAST:
        return (f"{found}: an int8 file cuts off the rest",)
    raise InputError(
        f"--calibration {photos.folder}: {found}, and an int8 file would cut off the rest; allowed are {LEAST:.0%} or "
        "more: give photos like those that the app will see, or leave int8 out of artifacts.tflite"
    )


def coverage(network: nn.Module, calibration: Iterable[Inputs], ordinary: Iterable[Inputs]) -> tuple[float, str]:
    """The least share, over the layers with weights, of the range of their inputs for ``ordinary`` that the range for
    ``calibration`` covers, and that layer's name."""
    covered = _ranges(network, calibration)
    shares = [(1.0, "")]
    for name, (low, high) in _ranges(network, ordinary).items():
        if high > low:
            inside = min(high, covered[name][1]) - max(low, covered[name][0])
            shares.append((max(0.0, inside / (high - low)), name))
    return min(shares)


@torch.no_grad()
def _ranges(network: nn.Module, samples: Iterable[Inputs]) -> dict[str, tuple[float, float]]:
    """Least and largest value that every layer gets, by name; of those that are called."""
    ranges: dict[str, tuple[float, float]] = {}

    def see(name: str, x: Tensor) -> None:
        low, high = (float(value) for value in x.aminmax())
        least, largest = ranges.get(name, (low, high))
        ranges[name] = min(least, low), max(largest, high)

    with ExitStack() as hooks:
        for name, layer in layers_of(network).items():
            hook = layer.register_forward_pre_hook(lambda _, inputs, name=name: see(name, inputs[0]))
            hooks.enter_context(hook)
        for sample in samples:
            network(*sample.values())
    return ranges
