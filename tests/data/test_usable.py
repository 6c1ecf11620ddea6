"""Which photos are fit to calibrate with, for mixtures of all kinds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobile_robust.data.images import Photo, built_in_photos, jpeg
from mobile_robust.data.usable import CLIPPED, FEW, LEAST_CORRELATION, TRIES, UsablePhotos, clipped, correlation
from tests.data.synthetic import DOUBTFUL, EMPTY, SIDE, photo

MAKERS = {**EMPTY, **DOUBTFUL, "photo": photo}
mixtures = st.lists(st.tuples(st.sampled_from(sorted(MAKERS)), st.integers(0, 3)), min_size=1, max_size=30)


def made(mixture: list[tuple[str, int]]) -> list[Photo]:
    return [MAKERS[kind](np.random.default_rng(seed)) for kind, seed in mixture]


@settings(max_examples=200, deadline=None)
@given(mixtures, st.integers(1, 20))
def test_what_is_used_is_different_and_shows_something_and_all_is_counted(mixture: list, count: int) -> None:
    photos = made(mixture)
    found = UsablePhotos.of(photos, count)
    assert len({each.tobytes() for each in found.photos}) == len(found.photos) <= count
    assert all(each.std() > 0 and clipped(each) < CLIPPED for each in found.photos)
    others = found.copies + found.flat + found.clipped
    if len(found.photos) < count:
        assert len(found.photos) + others == min(len(photos), TRIES * count)
    assert bool(found.left_out) == bool(others)


@settings(max_examples=200, deadline=None)
@given(mixtures, st.integers(FEW, 32))
def test_no_hopeless_set_passes_in_silence(mixture: list, count: int) -> None:
    kinds = {kind for kind, _ in mixture}
    found = UsablePhotos.of(made(mixture), count)
    if kinds <= set(EMPTY):
        assert not found.photos
    elif "photo" not in kinds:
        assert [*found.doubts(count)]


@pytest.mark.parametrize("side", [32, 64, 224])
def test_photos_pass(side: int) -> None:
    found = UsablePhotos.of(built_in_photos((side, side), 40), 40)
    assert len(found.photos) == 40 and not [*found.doubts(32)] and not found.left_out
    assert min(map(correlation, found.photos)) > LEAST_CORRELATION + 0.2


def test_one_photo_saved_again_and_again_is_one() -> None:
    one, *others = built_in_photos((64, 64), 41)[::4]
    again = [jpeg(one, 50 + quality) for quality in range(40)]
    assert [*UsablePhotos.of(again, 32).doubts(32)] == ["only 1 different photos to calibrate with: give 8 or more"]
    assert not [*UsablePhotos.of([*again[:20], *others], 32).doubts(32)]


def test_what_is_doubtful_is_said() -> None:
    random = np.random.default_rng(0)
    photos = [photo(random)] * 3 + [EMPTY["black"](random)] * 2 + [EMPTY["stripes"](random)]
    noise = [DOUBTFUL["noise"](random) for _ in range(2)]
    assert [*UsablePhotos.of([*photos, *noise], 16).doubts(16)] == [
        "calibration photos left out: 3 copies of others, 1 of one colour, 1 black and white",
        "only 3 different photos to calibrate with: give 8 or more",
        "2 of 3 calibration photos are noise rather than photos: their pixels have little to do with their neighbours",
    ]
    bright = [photo(random) for _ in range(8)]
    for each in bright:
        each[: SIDE * 2 // 3] = 255
    (said,) = UsablePhotos.of(bright, 8).doubts(8)
    assert said == "8 of 8 calibration photos have 50% or more of their values at black or white"
