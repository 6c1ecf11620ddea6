from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from mobile_robust.contracts.recipe import Tolerance
from mobile_robust.parity.metrics import NotFiniteError, check_tolerance, compare

values = st.floats(-1e6, 1e6, allow_subnormal=False, width=32)
pairs = array_shapes(min_dims=2, max_dims=4, max_side=4).flatmap(
    lambda shape: st.tuples(arrays(np.float32, shape, elements=values), arrays(np.float32, shape, elements=values))
)


def test_a_repair_is_judged_by_itself() -> None:
    unrepaired = np.full((1, 2, 4, 4), 100.0)
    expected = unrepaired + np.linspace(-1, 1, 32).reshape(1, 2, 4, 4)
    half = compare(expected, (expected + unrepaired) / 2, unrepaired=unrepaired)
    assert half.repair_snr_db == pytest.approx(20 * np.log10(2)) and half.snr_db is not None and half.snr_db > 40
    nothing = compare(expected, unrepaired, unrepaired=unrepaired)
    assert nothing.repair_snr_db == pytest.approx(0)
    bound = Tolerance(repair_snr_db=3)
    assert check_tolerance(half, bound, "repaired") == []
    (said,) = check_tolerance(nothing, bound, "repaired")
    assert "SNR of the repair itself" in said and "allowed at least 3 dB; repair_snr_db = " in said
    assert compare(expected, expected, unrepaired=unrepaired).repair_snr_db is None
    assert check_tolerance(compare(expected, expected, unrepaired=unrepaired), bound, "repaired") == []
    assert compare(unrepaired, expected, unrepaired=unrepaired).repair_snr_db < -1000


def test_values_worked_out_by_hand():
    expected = np.array([[0.0, 4.0], [-4.0, 0.0]])
    got = np.array([[0.0, 4.0], [-4.0, 0.8]])
    m = compare(expected, got)
    assert m.max_abs_error == pytest.approx(0.8)
    assert m.max_error == pytest.approx(0.1)  # of the range 8
    assert m.mean_abs_error == pytest.approx(0.2)
    assert m.max_relative_error == pytest.approx(0.8 / 8e-3)  # the expected 0 is raised to 1e-3 of the range
    assert m.snr_db == pytest.approx(10 * np.log10(32 / 0.64))
    assert m.psnr_db == pytest.approx(20 * np.log10(8 / 0.4))
    assert m.cosine == pytest.approx(32 / np.sqrt(32 * 32.64))
    assert (m.worst_index, m.worst_expected, m.worst_got) == ((1, 1), 0.0, 0.8)
    assert (m.top1_agreement, m.max_probability_error) == (None, None)


def test_classifier_metrics():
    expected = np.array([[0.0, np.log(3.0)], [1.0, 0.0]])
    got = np.array([[np.log(3.0), 0.0], [1.0, 0.0]])
    m = compare(expected, got, classifier=True)
    assert (m.top1_agreement, m.max_probability_error) == (0.5, pytest.approx(0.5))


@given(pairs)
def test_any_pair_gives_finite_metrics_that_judge_consistently(pair):
    expected, got = pair
    m = compare(expected, got, classifier=True)
    assert np.isfinite([m.max_error, m.max_relative_error, m.mean_abs_error, m.cosine, m.max_probability_error]).all()
    assert 0 <= m.mean_abs_error <= m.max_abs_error * (1 + 1e-9)
    assert m.max_abs_error == abs(m.worst_got - m.worst_expected)
    assert m.worst_expected == expected[m.worst_index]
    assert m.worst_got == got[m.worst_index]
    assert -1 <= m.cosine <= 1
    assert (m.snr_db is None) == (m.psnr_db is None) == bool((expected == got).all())
    for line in check_tolerance(m, Tolerance(max_error=1e-5, snr_db=300.0, top1_agreement=1.0), "y"):
        if (found := re.search(r"(max_error|snr_db|top1_agreement) = (\S+) would have passed", line)) is not None:
            suggested = Tolerance(**{found[1]: float(found[2])})
            assert check_tolerance(m, suggested, "y") == []


@given(arrays(np.float32, array_shapes(min_dims=2, max_side=4), elements=values))
def test_equal_arrays_have_no_error(expected):
    m = compare(expected, expected.copy(), classifier=True)
    assert m.max_abs_error == m.max_error == 0
    assert m.snr_db is None
    assert m.cosine == pytest.approx(1)
    assert m.top1_agreement == 1
    assert check_tolerance(m, Tolerance(max_error=1e-12, snr_db=1000.0, top1_agreement=1.0), "y") == []


@pytest.mark.parametrize(("constant", "span"), [(5.0, 5.0), (0.0, 1.0)])
def test_a_constant_reference_has_its_magnitude_as_range(constant, span):
    expected = np.full((2, 3), constant)
    m = compare(expected, expected + 0.5)
    assert m.max_error == pytest.approx(0.5 / span)
    assert m.snr_db is not None and np.isfinite(m.snr_db)


def test_an_all_zero_output_is_not_equal_to_something():
    m = compare(np.ones((1, 4)), np.zeros((1, 4)))
    assert (m.cosine, m.max_error, m.snr_db) == (0, 1, pytest.approx(0))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_not_finite_never_passes(bad):
    got = np.zeros((2, 3))
    got[1, 2] = bad
    with pytest.raises(NotFiniteError, match=r"output is not finite at 1 of 6 places, first at index \[1, 2\]"):
        compare(np.zeros((2, 3)), got)
    with pytest.raises(NotFiniteError, match="reference is not finite"):
        compare(got, np.zeros((2, 3)))


@pytest.mark.parametrize("shapes", [((2, 3), (3, 2)), ((0, 3), (0, 3))])
def test_nothing_comparable_is_an_error(shapes):
    with pytest.raises(ValueError, match=r"shape \(0, 3\)|expected shape"):
        compare(np.zeros(shapes[0]), np.zeros(shapes[1]))


def test_a_failure_says_where_and_what_would_have_passed():
    expected = np.zeros((2, 2, 2))
    expected[0, 0, 0] = 1.0
    got = expected.copy()
    got[1, 0, 1] = 0.0123
    (line,) = check_tolerance(compare(expected, got), Tolerance(max_error=1e-5), "repaired")
    assert line == (
        "output repaired: worst at index [1, 0, 1]: expected 0, got 0.0123, error 0.0123 is 0.0123 of the range, "
        "allowed 1e-05; max_error = 0.013 would have passed"
    )
    (sentence,) = check_tolerance(compare(expected, got), Tolerance(snr_db=60.0), "repaired")
    assert "snr_db = 38 would have passed" in sentence


def test_every_missed_bound_is_reported():
    m = compare(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]), classifier=True)
    failures = check_tolerance(m, Tolerance(max_error=1e-5, snr_db=20.0, top1_agreement=0.97), "logits")
    assert len(failures) == 3 and "nothing agrees" in failures[2]
    # a top-1 bound on a feature map
    (line,) = check_tolerance(compare(np.ones((1, 2)), np.ones((1, 2))), Tolerance(top1_agreement=0.97), "repaired")
    assert "not a classifier" in line
