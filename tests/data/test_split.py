"""Which photos are held out: the same ones for every command."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobile_robust.data.split import Split
from mobile_robust.errors import InputError


def test_the_test_photos_are_the_end_of_the_permutation() -> None:
    paths = [Path(f"{i:04}.webp") for i in range(1000)]
    order = np.random.default_rng(0).permutation(1000)
    assert Split(0.4).test(paths) == [paths[i] for i in order[600:]]
    assert Split(0.4, 1).test(paths) != Split(0.4).test(paths)


@given(count=st.integers(2, 200), fraction=st.floats(0.001, 0.5), seed=st.integers(0, 9))
def test_train_and_test_make_the_whole(count: int, fraction: float, seed: int) -> None:
    paths, split = [Path(str(i)) for i in range(count)], Split(fraction, seed)
    train = split.train(paths)
    test = split.test(paths) if round(count * fraction) else []
    assert len(test) == len(set(test)) == round(count * fraction)
    assert train == sorted(train, key=paths.index) and not set(train) & set(test)
    assert {*train, *test} == set(paths)


def test_that_nothing_is_left_is_an_error() -> None:
    three = [Path("a"), Path("b"), Path("c")]
    with pytest.raises(InputError, match=r"^--holdout 0.9: of 3 images that leaves none$"):
        Split(0.9).train(three)
    with pytest.raises(InputError, match=r"^--holdout 0.1: of 3 images that leaves none$"):
        Split(0.1).test(three)
    assert Split(0.1).train(three) == three and sorted(Split(1).test(three)) == three


@pytest.mark.parametrize(("fraction", "seed"), [(0, 0), (1.1, 0), (float("nan"), 0), (0.5, -1)])
def test_other_fractions_and_seeds_are_refused(fraction: float, seed: int) -> None:
    with pytest.raises(InputError, match="--holdout"):
        Split(fraction, seed)


def test_its_text_is_the_options_that_name_it() -> None:
    assert str(Split(0.4, 3)) == "--holdout 0.4 --holdout-seed 3"
