"""What --corruption says, and what is then done to a photo."""

from __future__ import annotations

import numpy as np
import pytest

from mobile_robust.corruptions import IMAGENET_C, corrupt
from mobile_robust.data.images import jpeg
from mobile_robust.errors import InputError
from mobile_robust.evaluation.settings import CLEAN, CorruptionSetting, by_corruption, select_settings

PHOTO = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)


def names(*texts: str, size: int = 224) -> list[str]:
    return [condition.name for condition in select_settings(texts, [(size, size)])]


def test_clean_comes_first_and_levels_from_mild_to_strong() -> None:
    assert names("jpeg") == ["clean", "jpeg:25", "jpeg:18", "jpeg:15", "jpeg:10", "jpeg:7"]
    assert names("awgn:60", "clean", "awgn:7.5", "jpeg:7", "jpeg:25") == [
        "clean", "awgn:7.5", "awgn:60", "jpeg:25", "jpeg:7",
    ]  # fmt: skip
    assert names() == ["clean"]


def test_imagenet_c_is_its_fifteen_at_all_severities_or_at_one() -> None:
    groups = by_corruption(select_settings(["imagenet_c"], [(224, 224)]))
    assert tuple(groups) == IMAGENET_C and all(len(members) == 5 for members in groups.values())
    assert len(names("imagenet_c:3")) == 16


def test_small_photos_have_levels_of_their_own() -> None:
    assert names("awgn", size=32)[1:] == [f"awgn:{level}" for level in (5, 10, 15, 20, 25, 30)]
    with pytest.raises(InputError, match=r"--corruption awgn: its levels .* as in awgn:10"):
        select_settings(["jpeg", "awgn"], [(32, 32), (224, 224)])
    assert len(select_settings(["jpeg", "awgn:5"], [(32, 32), (224, 224)])) == 7


def test_the_crop_is_corrupted_as_the_registry_says() -> None:
    assert CLEAN.apply(PHOTO, 1, 2) is PHOTO
    assert np.array_equal(CorruptionSetting("jpeg", 10).apply(PHOTO, 1, 2), jpeg(PHOTO, 10))
    assert np.array_equal(CorruptionSetting("awgn", 30.0).apply(PHOTO, 1, 2), corrupt(PHOTO, "awgn", 30.0, 1, 2))
