"""McNemar's test against scipy's binomial test."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from mobile_robust.evaluation.mcnemar import McNemar, p_value


@given(first=st.integers(0, 60), second=st.integers(0, 60))
def test_mcnemar_is_the_binomial_test(first: int, second: int) -> None:
    expected = binomtest(first, first + second).pvalue if first + second else 1.0
    assert p_value(first, second) == pytest.approx(expected, rel=1e-9)


def test_mcnemar_takes_the_flips_of_a_large_set() -> None:
    assert p_value(10_000, 10_000) == 1 and p_value(9_000, 11_000) < 1e-40


def test_flips_are_counted_photo_by_photo() -> None:
    found = McNemar.of(np.array([True, True, False, True]), np.array([True, False, True, False]))
    assert (found.only_model, found.only_baseline, found.p) == (2, 1, 1.0)
