"""Padding, epsilon and normalization, by what a network makes of photos."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mobile_robust.errors import InputError
from mobile_robust.new_recipe.preprocessing import (
    NORMALIZATIONS,
    TENSORFLOW,
    Measured,
    Preprocessing,
    count_trials,
    find_preprocessing,
)

IMAGENET, HALF, UNIT = NORMALIZATIONS
#: Photos of one brightness each; the bright ones are of class 1.
BRIGHTNESS = torch.cat([torch.linspace(0.46, 0.49, 16), torch.linspace(0.51, 0.54, 16)])
PHOTOS = BRIGHTNESS[:, None, None, None].expand(32, 3, 4, 4)
LABELS = [0] * 16 + [1] * 16


class Brightness(nn.Module):
    """Tells dark from bright, the surer the larger its gain, and the closer to 0 a photo is: as in its training."""

    def __init__(self, gain: float) -> None:
        super().__init__()
        self.gain = gain

    def forward(self, image: Tensor) -> Tensor:
        brightness = image.mean((1, 2, 3))
        z = self.gain * brightness.sign() * torch.exp(-5 * brightness.abs())
        return torch.stack([-z, z], 1)


def found(own: tuple, gains: Mapping[bool, float], labels: list[int] | None, steps: list[str]) -> list[Measured]:
    def create(options: Mapping[str, Any]) -> nn.Module:
        padded = "pad_type" in options
        if padded not in gains:
            raise InputError("no such option")
        return Brightness(gains[padded])

    return find_preprocessing(create, Preprocessing({}, *own), PHOTOS, labels, steps.append)


def test_the_normalization_under_which_labels_are_right_is_taken() -> None:
    best = found(UNIT, {False: 1.0}, LABELS, [])[0]
    assert (best.how.mean, best.how.std) == HALF and best.top1 == 1 and best.how.options == {}


@pytest.mark.parametrize("labels", [LABELS, None])
def test_tensorflows_padding_is_taken_where_it_is_clearly_better(labels: list[int] | None) -> None:
    steps: list[str] = []
    tried = found(HALF, {False: 0.5, True: 3.0}, labels, steps)
    assert tried[0].how == Preprocessing(TENSORFLOW, *HALF) and tried[0].confidence > tried[1].confidence
    assert len(steps) == len(tried) <= count_trials()


def test_what_is_known_stays_where_nothing_is_clearly_better_or_there_is_no_other_way_to_build() -> None:
    assert found(HALF, {False: 1.0, True: 1.0}, LABELS, [])[0].how == Preprocessing({}, *HALF)
    assert found(HALF, {False: 1.0}, None, [])[0].how == Preprocessing({}, *HALF)


def test_without_labels_there_is_no_accuracy() -> None:
    assert all(each.top1 is None and 0.5 <= each.confidence <= 1 for each in found(HALF, {False: 1.0}, None, []))
