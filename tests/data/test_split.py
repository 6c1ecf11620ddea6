"""Which photos are held out: the same ones for every command."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobile_robust.data.split import add_holdout, check_holdout, hold_out, training_part
from mobile_robust.errors import InputError


def test_hold_out_is_the_split_of_the_project() -> None:
    paths = [Path(f"{i:04}.webp") for i in range(1000)]
    order = np.random.default_rng(0).permutation(1000)
    assert hold_out(paths, 0.4, 0) == [paths[i] for i in order[600:]]
    assert hold_out(paths, 0.4, 1) != hold_out(paths, 0.4, 0)


@given(count=st.integers(1, 200), fraction=st.floats(0.001, 1), seed=st.integers(0, 9))
def test_hold_out_has_the_asked_size_and_no_image_twice(count: int, fraction: float, seed: int) -> None:
    held = hold_out([Path(str(i)) for i in range(count)], fraction, seed)
    assert len(held) == len(set(held)) == round(count * fraction)


@given(count=st.integers(2, 200), fraction=st.floats(0.001, 0.5), seed=st.integers(0, 9))
def test_both_parts_make_the_whole(count: int, fraction: float, seed: int) -> None:
    paths = [Path(str(i)) for i in range(count)]
    left = training_part(paths, fraction, seed)
    assert left == sorted(left, key=paths.index) and not set(left) & set(hold_out(paths, fraction, seed))
    assert {*left, *hold_out(paths, fraction, seed)} == set(paths)


def test_without_a_fraction_all_are_left() -> None:
    assert training_part([Path("a"), Path("b")], None, 0) == [Path("a"), Path("b")]


def test_that_nothing_is_left_is_an_error() -> None:
    with pytest.raises(InputError, match="--holdout 0.9: of 3 images that leaves none"):
        training_part([Path("a"), Path("b"), Path("c")], 0.9, 0)


@pytest.mark.parametrize(
    ("words", "most", "message"),
    [
        (["--holdout", "1"], "less than 1", "--holdout 1: allowed are fractions greater than 0 and less than 1"),
        (["--holdout", "nan"], "at most 1", "--holdout nan: allowed are fractions greater than 0 and at most 1"),
        (["--holdout-seed", "-1"], "less than 1", "--holdout-seed -1: must be 0 or more"),
    ],
)
def test_wrong_options_are_named(words: list[str], most: str, message: str) -> None:
    parser = ArgumentParser()
    add_holdout(parser)
    with pytest.raises(InputError) as error:
        check_holdout(parser.parse_args(words), most)
    assert str(error.value) == message


def test_the_whole_set_may_be_scored() -> None:
    parser = ArgumentParser()
    add_holdout(parser)
    check_holdout(parser.parse_args(["--holdout", "1"]), "at most 1")
