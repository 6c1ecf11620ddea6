"""Figures of samples whose result is known, and what must hold for any samples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobile_robust.bench.statistics import drift, latency, latency_ratio, paired_ratio
from mobile_robust.contracts.result import Pairs, Repetition, Run
from mobile_robust.reporting.intervals import Interval
from tests.bench.fakes import WHEN, digest, protocol, run

samples = st.lists(st.lists(st.integers(1, 10**12), min_size=3, max_size=3), min_size=2, max_size=6)


def of(repetitions: list[list[int]], first: int = 0) -> Run:
    made = tuple(Repetition(index=first + i, start=WHEN, samples_ns=tuple(ns)) for i, ns in enumerate(repetitions))
    return run("resnet50").model_copy(update={"repetitions": made})


def test_mean_of_means_and_percentiles() -> None:
    found = latency(of([[1_000_000, 3_000_000], [5_000_000, 7_000_000]]))
    assert found is not None
    assert found.mean.value == 4.0
    assert [spread.mean for spread in found.repetitions] == [2.0, 6.0]
    assert (found.samples.p50, found.samples.deviation) == (4.0, pytest.approx(np.std([1, 3, 5, 7])))
    assert found.samples.p90 == pytest.approx(np.percentile([1, 3, 5, 7], 90))
    assert found.mean.low is not None and found.mean.high is not None and 2 <= found.mean.low < 4 < found.mean.high <= 6


def test_one_repetition_has_no_interval_and_none_no_latency() -> None:
    found = latency(of([[2_000_000, 4_000_000]]))
    assert found is not None and found.mean == Interval(3.0)
    assert latency(of([])) is None and drift(of([])) == 0


@given(samples)
@settings(max_examples=10, deadline=None)
def test_an_interval_holds_the_mean_and_lies_between_the_repetitions(repetitions: list[list[int]]) -> None:
    found = latency(of(repetitions))
    assert found is not None and found.mean.low is not None and found.mean.high is not None
    means, mean = [spread.mean for spread in found.repetitions], found.mean.value
    slack = 1e-5 * mean  # the resampling is in single precision
    assert min(means) - slack <= found.mean.low <= mean + slack
    assert mean - slack <= found.mean.high <= max(means) + slack
    assert found.samples.p50 <= found.samples.p90 <= found.samples.p99


@given(samples, st.integers(1, 50))
@settings(max_examples=10, deadline=None)
def test_a_ratio_is_of_the_same_repetition_so_drift_cancels(repetitions: list[list[int]], factor: int) -> None:
    """However much the machine's speed changes between repetitions, twice as slow is twice as slow."""
    slower = [[factor * ns for ns in each] for each in repetitions]
    found = latency_ratio(of(slower), of(repetitions))
    assert found is not None and found.low is not None and found.high is not None
    assert found.value == pytest.approx(factor) and found.high - found.low == pytest.approx(0, abs=1e-4 * factor)


def test_a_ratio_is_of_common_repetitions_only() -> None:
    ours, theirs = of([[10], [40], [90]]), of([[10], [30]], first=1)
    found = latency_ratio(ours, theirs)
    assert found is not None and found.value == pytest.approx((4 + 3) / 2)
    assert latency_ratio(of([[1]]), of([[1]], first=1)) is None


def test_the_fakes_drift_as_they_say() -> None:
    assert drift(run("resnet50", how=protocol(10, 200))) == pytest.approx(1.02**9 - 1, rel=0.1)


def test_a_paired_ratio_is_the_median_whatever_hits_some_pairs() -> None:
    """A machine that is ten times slower in some pairs for both, and in some in between."""
    random = np.random.default_rng(0)
    theirs = 1e6 * (1 + random.gamma(1.5, 0.01, 101)) * np.where(np.arange(101) % 7, 1, 10)
    ours = 1.2 * theirs * (1 + 0.01 * random.standard_normal(101))
    ours[::9] *= 5
    pairs = [*zip(ours.astype(int).tolist(), theirs.astype(int).tolist(), strict=True)]
    made = of([]).model_copy(update={"pairs": Pairs(base="base", base_sha256=digest("base"), samples_ns=tuple(pairs))})
    found = paired_ratio(made, "base")
    assert found is not None and found.low is not None and found.high is not None
    assert found.value == pytest.approx(1.2, rel=0.005) and found.low < found.value < found.high < 1.21
    assert paired_ratio(made, "another") is None and paired_ratio(of([]), "base") is None
