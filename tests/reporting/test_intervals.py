"""Bootstrap intervals cover what they promise."""

from __future__ import annotations

import numpy as np
import pytest

from mobile_robust.reporting.intervals import (
    RESAMPLES,
    Interval,
    mean_interval,
    median_interval,
    percentile_interval,
    resampled_means,
)


def test_the_bootstrap_is_the_same_on_every_call_and_paired() -> None:
    right = np.random.default_rng(1).random((2, 90)) < 0.6
    means = resampled_means(np.stack([*right, right[0]]))
    assert means.shape == (RESAMPLES, 3) and np.array_equal(means, resampled_means(np.stack([*right, right[0]])))
    assert np.array_equal(means[:, 0], means[:, 2]) and np.abs(means.mean(0)[:2] - right.mean(1)).max() < 0.005


def test_blocks_of_resamples_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    right = np.random.default_rng(2).random((3, 50)) < 0.5
    whole = resampled_means(right)
    monkeypatch.setattr("mobile_robust.reporting.intervals._COUNTS", 50 * 7)
    assert np.array_equal(whole, resampled_means(right))


def test_95_of_100_intervals_hold_the_truth() -> None:
    random, held = np.random.default_rng(3), 0
    means = resampled_means(random.random((100, 200)) < 0.7)
    for low, high in zip(*percentile_interval(means), strict=True):
        held += low <= 0.7 <= high
    assert 88 <= held <= 100


def test_an_interval_has_no_end_that_is_not_finite() -> None:
    assert Interval.of(0.5, np.array([0.0, 1.0, np.inf])) == Interval(0.5, 0.05, None)


def test_a_single_value_has_no_interval_and_equal_values_a_narrow_one() -> None:
    assert mean_interval(np.array([3.0])) == Interval(3.0, None, None)
    assert mean_interval(np.array([3.0, 3.0])) == Interval(3.0, 3.0, 3.0)


def test_95_of_100_intervals_hold_the_median() -> None:
    random, held = np.random.default_rng(4), 0
    for _ in range(100):
        found = median_interval(random.gamma(2, size=61))
        assert found.low is not None and found.high is not None
        held += found.low <= 1.6783 <= found.high
    assert 88 <= held <= 100
    assert median_interval(np.array([3.0])) == Interval(3.0, None, None)
