"""Intervals that cover what they promise, and McNemar's test by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from mobile_robust.evaluate.statistics import RESAMPLES, interval, mcnemar, resampled_means


def test_the_bootstrap_is_the_same_on_every_call_and_paired() -> None:
    right = np.random.default_rng(1).random((2, 90)) < 0.6
    means = resampled_means(np.stack([*right, right[0]]))
    assert means.shape == (RESAMPLES, 3) and np.array_equal(means, resampled_means(np.stack([*right, right[0]])))
    assert np.array_equal(means[:, 0], means[:, 2]) and np.abs(means.mean(0)[:2] - right.mean(1)).max() < 0.005


def test_blocks_of_resamples_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    right = np.random.default_rng(2).random((3, 50)) < 0.5
    whole = resampled_means(right)
    monkeypatch.setattr("mobile_robust.evaluate.statistics._COUNTS", 50 * 7)
    assert np.array_equal(whole, resampled_means(right))


def test_95_of_100_intervals_hold_the_truth() -> None:
    random, held = np.random.default_rng(3), 0
    means = resampled_means(random.random((100, 200)) < 0.7)
    for low, high in zip(*interval(means), strict=True):
        held += low <= 0.7 <= high
    assert 88 <= held <= 100


def test_mcnemar_by_hand() -> None:
    assert mcnemar(0, 0) == 1 and mcnemar(3, 3) == 1
    assert mcnemar(0, 5) == mcnemar(5, 0) == 2 / 2**5
    assert mcnemar(2, 8) == pytest.approx(2 * (1 + 10 + 45) / 1024)


@given(first=st.integers(0, 60), second=st.integers(0, 60))
def test_mcnemar_is_the_binomial_test(first: int, second: int) -> None:
    expected = binomtest(first, first + second).pvalue if first + second else 1.0
    assert mcnemar(first, second) == pytest.approx(expected, rel=1e-9)


def test_mcnemar_takes_the_flips_of_a_large_set() -> None:
    assert mcnemar(10_000, 10_000) == 1 and mcnemar(9_000, 11_000) < 1e-40
