"""The interval of a fraction, and what a verdict makes of it."""

from __future__ import annotations

import pytest
from scipy.stats import binomtest

from mobile_robust.contracts.recipe import Tolerance
from mobile_robust.parity.agreement import wilson
from mobile_robust.parity.metrics import check_tolerance, compare

ALLOWED = Tolerance(top1_agreement=0.97)


@pytest.mark.parametrize(("right", "count"), [(0, 4), (1, 1), (32, 34), (34, 34), (188, 200)])
def test_it_is_wilsons_interval(right: int, count: int) -> None:
    expected = binomtest(right, count).proportion_ci(method="wilson")
    assert wilson(right / count, count) == pytest.approx((expected.low, expected.high), abs=1e-6)


@pytest.mark.parametrize(
    ("right", "count", "passes"), [(32, 34, True), (30, 34, False), (188, 200, False), (194, 200, True)]
)
def test_only_an_interval_that_leaves_the_tolerance_out_is_a_failure(right: int, count: int, passes: bool) -> None:
    """94 % of 34 photos may well be 97 % of all; 94 % of 200 may not."""
    expected = [[1.0, 0.0]] * count
    got = [[1.0, 0.0]] * right + [[0.0, 1.0]] * (count - right)
    measured = compare(expected, got, classifier=True)
    counted = measured.model_copy(update={"top1_interval": wilson(right / count, count)})
    failures = check_tolerance(counted, ALLOWED, "logits")
    assert (not failures) == passes
    if failures:
        (sentence,) = failures
        assert f"agrees on {right / count:.2%} of the images (95 % interval " in sentence
        bound = float(sentence.split("top1_agreement = ")[1].split()[0])
        assert check_tolerance(counted, Tolerance(top1_agreement=bound), "logits") == []
    assert bool(check_tolerance(measured, ALLOWED, "logits")) == (right / count < 0.97)
