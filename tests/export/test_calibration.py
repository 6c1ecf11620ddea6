"""Inputs are computed once as long as they fit in memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mobile_robust.contracts.recipe import QuantizationSection
from mobile_robust.corruptions import corrupt
from mobile_robust.data.images import Photo, built_in_photos, jpeg_in_turn
from mobile_robust.errors import InputError
from mobile_robust.export import calibration as module
from mobile_robust.export.calibration import Calibration, Inputs, count_images, degrading

PHOTOS = [np.full((4, 4, 3), value, np.uint8) for value in range(3)]


@pytest.mark.parametrize(("limit", "computed"), [(3 * 4 * 48, 3), (3 * 4 * 48 - 1, 1 + 2 * 3)])
def test_every_pass_gives_all_inputs_in_order(monkeypatch: pytest.MonkeyPatch, limit: int, computed: int) -> None:
    monkeypatch.setattr(module, "KEPT_BYTES", limit)
    calls = []

    def example(photo: Photo) -> Inputs:
        calls.append(int(photo[0, 0, 0]))
        return {"image": torch.from_numpy(photo).float()}

    calibration = Calibration(example, PHOTOS)
    for _ in range(2):
        assert [inputs["image"].unique().item() for inputs in calibration] == [0, 1, 2]
    assert len(calls) == computed and len(calibration) == 3


def test_corruptions_take_turns_and_then_their_levels() -> None:
    (photo,) = built_in_photos((32, 32), 1)
    degrade = degrading(["jpeg:7", "darken"])
    turns = [("jpeg", 7), *(("darken", level) for level in (1, 2, 3, 4, 5))]
    for index in range(8):
        assert np.array_equal(degrade(photo, index), corrupt(photo, *turns[index % 6], 0, index))
    assert all(np.array_equal(degrading(["jpeg"])(photo, i), jpeg_in_turn(photo, i)) for i in range(6))


@pytest.mark.parametrize(
    ("corruptions", "given", "count"),
    [
        (["jpeg"], None, 32),
        (["jpeg"], 8, 8),
        (["jpeg:7"], None, 32),
        (["noise", "darken"], None, 2 * 20),
        (["imagenet_c"], None, 2 * 75),
        (["imagenet_c"], 8, 8),
    ],
)
def test_every_corruption_is_there_at_every_level(corruptions: list[str], given: int | None, count: int) -> None:
    found = count_images(QuantizationSection(corruptions=tuple(corruptions), calibration_images=given))
    assert found == count


def test_the_mildest_and_the_severest_of_many_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the photos of a build every second one is degraded."""
    seen = []
    monkeypatch.setattr(module, "corrupt", lambda photo, name, level, *_: seen.append((name, level)))
    names = ("gaussian_noise", "shot_noise", "impulse_noise", "fog")
    degrade = degrading(names)
    for index in range(count_images(QuantizationSection(corruptions=names)) // 2):
        degrade(PHOTOS[0], index)
    assert set(seen) == {(name, level) for name in names for level in (1, 2, 3, 4, 5)}


@pytest.mark.parametrize("wrong", ["jpeg:0", "jpg"])
def test_a_corruption_that_is_unknown_or_has_no_such_level_is_refused(wrong: str) -> None:
    with pytest.raises(InputError, match=r"^quantization.corruptions: "):
        degrading([wrong])
