"""Which photos are held out: the same ones for every command, whatever else lies in the folder."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobile_robust.data.folder import PhotoFolder
from mobile_robust.data.split import Rule, Split
from mobile_robust.errors import InputError

RULES: tuple[Rule, ...] = ("content", "position")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """400 files that differ; nobody looks into them."""
    folder = tmp_path_factory.mktemp("files")
    for number in range(400):
        (folder / f"{number:03}.png").write_text(str(number))
    return sorted(folder.iterdir())


def test_by_position_the_test_photos_are_the_end_of_the_permutation() -> None:
    paths = [Path(f"{i:04}.webp") for i in range(1000)]
    order = np.random.default_rng(0).permutation(1000)
    assert Split(0.4, by="position").test(paths) == [paths[i] for i in order[600:]]
    assert Split(0.4, 1, "position").test(paths) != Split(0.4, by="position").test(paths)


@given(first=st.integers(0, 350), count=st.integers(2, 50), fraction=st.floats(0.2, 0.8), seed=st.integers(0, 9))
def test_train_and_test_make_the_whole(files: list[Path], first: int, count: int, fraction: float, seed: int) -> None:
    paths = files[first : first + count]
    for rule in RULES:
        split = Split(fraction, seed, rule)
        try:
            train, test = split.train(paths), split.test(paths)
        except InputError:  # of so few photos a side may get none
            continue
        assert not set(train) & set(test) and {*train, *test} == set(paths) and len(train) + len(test) == count
        assert train == sorted(train)
        if rule == "position":
            assert len(test) == round(count * fraction)


@settings(max_examples=30)
@given(kept=st.sets(st.integers(0, 399), min_size=50), fraction=st.floats(0.1, 0.9), seed=st.integers(0, 9))
def test_a_photo_stays_on_its_side_whatever_lies_beside_it(
    files: list[Path], kept: set[int], fraction: float, seed: int
) -> None:
    split = Split(fraction, seed)
    some = [files[number] for number in sorted(kept)]
    held_out = set(split.test(files))
    assert [path for path in some if path in held_out] == split._held_out(some)


def test_names_and_places_do_not_count(files: list[Path], tmp_path: Path) -> None:
    split = Split(0.3, 2)
    moved = {}
    for number, path in enumerate(reversed(files)):
        moved[Path(shutil.copy(path, tmp_path / f"{number:03}_{path.name}"))] = path
    assert {moved[path] for path in split.test(PhotoFolder.scan(tmp_path).photos)} == set(split.test(files))


def test_by_content_about_the_fraction_is_held_out_and_seeds_differ(files: list[Path]) -> None:
    chosen = [Split(0.4, seed).test(files) for seed in range(3)]
    assert all(abs(len(test) - 160) < 30 for test in chosen)
    assert len({*map(tuple, chosen)}) == 3
    assert set(Split(0.2).test(files)) < set(Split(0.4).test(files)) and Split(1).test(files) == files


@pytest.mark.parametrize("rule", RULES)
def test_that_nothing_is_left_is_an_error(files: list[Path], rule: Rule) -> None:
    three = files[:3]
    with pytest.raises(InputError, match=r"^--holdout 1: of 3 images that leaves none$"):
        Split(1, by=rule).train(three)
    with pytest.raises(InputError, match=r"^--holdout 0.001: of 3 images that leaves none$"):
        Split(0.001, by=rule).test(three)
    assert Split(0.001, by=rule).train(three) == three and sorted(Split(1, by=rule).test(three)) == three


@pytest.mark.parametrize(("fraction", "seed"), [(0, 0), (1.1, 0), (float("nan"), 0), (0.5, -1)])
def test_other_fractions_and_seeds_are_refused(fraction: float, seed: int) -> None:
    with pytest.raises(InputError, match="--holdout"):
        Split(fraction, seed)


def test_its_text_is_the_options_that_name_it() -> None:
    assert str(Split(0.4, 3)) == "--holdout 0.4 --holdout-seed 3"
    assert str(Split(0.1234567)) == "--holdout 0.1234567 --holdout-seed 0"
    assert str(Split(0.4, 3, "position")) == "--holdout 0.4 --holdout-seed 3 --holdout-by position"
