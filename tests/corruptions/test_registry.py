"""All corruptions alike: the same again, any size, worse with every level, resolved by name."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobile_robust.corruptions import (
    CORRUPTIONS,
    IMAGENET_C,
    PAPER_LEVELS,
    Corruption,
    by_family,
    check,
    corrupt,
    parse,
    select,
)
from mobile_robust.data.images import Photo, built_in_photos
from mobile_robust.errors import InputError

NAMES = list(CORRUPTIONS)

#: Those in which nothing is drawn: another seed changes nothing.
FIXED = {
    "defocus_blur", "zoom_blur", "brightness", "contrast", "pixelate", "jpeg_compression", "gaussian_blur_imagenetc",
    "saturate", "darken", "jpeg", "avif", "gaussian_blur", "fidelity_gaussian_blur", "fidelity_motion_blur",
}  # fmt: skip

#: Severities that change the kind of the damage (warp to ripples, water to mud, less colour to more), and those whose
#: random part is larger than a step: only compared as far as they are meant to grow.
NOT_STEPWISE = {"elastic_transform", "spatter", "saturate", "imagenetc_mixed", "jpeg_repeated", "frost", "fog"}


@pytest.fixture(scope="module")
def photos() -> list[Photo]:
    return built_in_photos((96, 96), 5)[::2]


@pytest.mark.parametrize("name", NAMES)
def test_same_call_same_bytes_and_every_image_its_own(name: str, photos: list[Photo]) -> None:
    photo, before = photos[0], photos[0].copy()
    level = CORRUPTIONS[name].levels[-1]
    first, again, seed, index = (
        corrupt(photo, name, level, *key).tobytes() for key in ((7, 3), (7, 3), (8, 3), (7, 4))
    )
    assert first == again and first != photo.tobytes() and np.array_equal(photo, before)
    assert len({first, seed, index}) == (1 if name in FIXED else 3)


@settings(max_examples=3, deadline=None)
@given(height=st.integers(32, 70), width=st.integers(32, 70), seed=st.integers(0, 10**6), grey=st.booleans())
@pytest.mark.parametrize("name", NAMES)
def test_any_size_and_content(name: str, height: int, width: int, seed: int, grey: bool) -> None:
    random = np.random.default_rng(seed)
    photo = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
    if grey:
        photo[:] = random.choice([0, 128, 255])
    with np.errstate(divide="raise", invalid="raise"):
        for level in CORRUPTIONS[name].levels[:: 1 if name == "spatter" else 4]:
            out = corrupt(photo, name, level, seed, 0)
            assert out.dtype == np.uint8 and out.shape == photo.shape and out.flags.c_contiguous


@pytest.mark.parametrize("name", [name for name in NAMES if name not in NOT_STEPWISE])
def test_damage_grows_with_every_level(name: str, photos: list[Photo]) -> None:
    steps = damage(name, photos)
    assert all(after > 0.97 * before for before, after in pairwise(steps)), steps
    assert steps[-1] > 1.15 * steps[0]


@pytest.mark.parametrize("name", ["frost", "fog", "imagenetc_mixed", "jpeg_repeated"])
def test_the_strongest_level_is_worse_than_the_mildest(name: str, photos: list[Photo]) -> None:
    steps = damage(name, photos)
    assert steps[-1] > 1.05 * steps[0], steps


def damage(name: str, photos: list[Photo]) -> list[float]:
    """Mean absolute difference from the clean photos, level by level."""
    return [
        float(
            np.mean([np.abs(corrupt(photo, name, level, 0, i).astype(float) - photo)
                     for photo in photos for i in range(1 if name in FIXED else 8)])
        )
        for level in CORRUPTIONS[name].levels
    ]  # fmt: skip


def test_what_is_there() -> None:
    families = {family: [entry.name for entry in members] for family, members in by_family().items()}
    fifteen = [name for family in ("noise", "blur", "weather", "digital") for name in families.pop(family)]
    assert fifteen == [*IMAGENET_C]
    assert len(IMAGENET_C) == 15
    assert {family: len(names) for family, names in families.items()} == {
        "extra": 4, "light": 4, "mixed": 1, "compression": 3, "deepcorrect": 2, "fidelity": 7
    }  # fmt: skip
    for entry in CORRUPTIONS.values():
        assert entry.description and entry.source and len(entry.levels) >= 5
        for level in (*entry.levels, *PAPER_LEVELS[entry.name]["cifar"]):
            entry.check(level)
        if entry.unit == "severity":
            assert entry.levels == (1, 2, 3, 4, 5)


def test_names_on_a_command_line() -> None:
    fog, levels = parse("fog")
    assert isinstance(fog, Corruption) and (fog.name, levels) == ("fog", (1, 2, 3, 4, 5))
    assert parse("fog:3") == (fog, (3.0,)) and parse("awgn:7.5")[1] == (7.5,)
    chosen = {entry.name: levels for entry, levels in select(["fog:3", "light:2", "fog:1", "fog:3", "jpeg"]).items()}
    assert chosen == {
        "fog": (3.0, 1.0), "darken": (2.0,), "horizon": (2.0,), "night": (2.0,), "white_point": (2.0,),
        "jpeg": (25, 18, 15, 10, 7),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("frogs", r"unknown corruption( or family)? 'frogs'; close matches: .*fog"),
        ("fog:6", "corruption fog: severity 6: allowed are whole numbers from 1 to 5"),
        ("fog:2.5", "corruption fog: severity 2.5: allowed are whole numbers"),
        ("fog:nan", "corruption fog: severity nan: allowed"),
        ("fog:", "corruption fog:: '' is no number; allowed are 1 to 5"),
        ("jpeg:0", "corruption jpeg: level 0: allowed are whole numbers from 1 to 95"),
        ("awgn:inf", "corruption awgn: level inf: allowed are 0 to 255"),
        ("jpeg_repeated:6", "corruption jpeg_repeated: level 6: allowed are whole numbers from 1 to 5"),
    ],
)
def test_bad_names_and_levels(text: str, message: str) -> None:
    for resolve in (parse, lambda text: select([text])):
        with pytest.raises(InputError, match=message):
            resolve(text)


def test_corrupt_and_check_refuse_the_same() -> None:
    photo = np.zeros((32, 32, 3), np.uint8)
    for name, level in (("fog", 0), ("fgo", 1)):
        with pytest.raises(InputError, match="fog"):
            check(name, level)
        with pytest.raises(InputError, match="fog"):
            corrupt(photo, name, level, 0, 0)


def test_mixed_is_one_to_three_of_the_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    from mobile_robust.corruptions.mixed import mixed

    calls: list[tuple[str, float]] = []

    def member(name: str) -> Corruption:
        def apply(photo: Photo, level: float, rng: np.random.Generator) -> Photo:
            calls.append((name, level))
            return photo

        return Corruption(name, apply, "test", "here", "notes that it was called")

    entry = mixed([member(str(i)) for i in range(6)])
    random, counts, drawn = np.random.default_rng(0), [0] * 4, set()
    for _ in range(300):
        calls.clear()
        entry(np.zeros((32, 32, 3), np.uint8), 4, random)
        names = [name for name, _ in calls]
        assert len(set(names)) == len(names) and {level for _, level in calls} == {4}
        counts[len(calls)] += 1
        drawn.update(names)
    assert counts[0] == 0 and min(counts[1:]) > 70 and len(drawn) == 6
