"""Kernels find their operations although padding vanishes and concatenations multiply."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobile_robust.bench.alignment import align, fits
from mobile_robust.bench.profile import assign
from mobile_robust.bench.profiler import BUILT_IN, DELEGATED

CONV, LINEAR, DEPTHWISE = (
    "Convolution (NHWC, F32) IGEMM",
    "Fully Connected (NC, F32) GEMM",
    "Convolution (NHWC, F32) DWConv",
)
COPY, ADD = "Copy (NC, X32)", "Add (ND)"


@pytest.mark.parametrize(
    ("kernels", "operations", "places"),
    [
        ([CONV, LINEAR, LINEAR, CONV], ["CONV_2D", "CONV_2D", "CONV_2D", "PAD", "CONV_2D"], [0, 1, 2, 4]),
        ([COPY, CONV, CONV], ["CONCATENATION", "PAD", "CONV_2D", "CONV_2D"], [0, 2, 3]),
        ([COPY, COPY, CONV], ["CONCATENATION", "CONV_2D"], [0, 0, 1]),
        ([CONV, DEPTHWISE, CONV, ADD], ["CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D", "ADD"], [0, 1, 2, 3]),
        ([DEPTHWISE], ["CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D"], [1]),
        ([ADD], ["ADD", "RELU"], [0]),
        (["Convert (NC)", "Clamp (NC, F32)"], ["QUANTIZE", "RELU6"], [0, 1]),
        (["Something New"], ["TANH"], [0]),
        ([], ["PAD"], []),
    ],
)
def test_known_cases(kernels: list[str], operations: list[str], places: list[int]) -> None:
    assert align(kernels, operations) == places


@given(st.lists(st.sampled_from(["CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "PAD", "CONCATENATION"]), min_size=1))
def test_one_kernel_each_without_the_padding_is_told_exactly(operations: list[str]) -> None:
    names = {"CONV_2D": CONV, "DEPTHWISE_CONV_2D": DEPTHWISE, "ADD": ADD, "CONCATENATION": COPY}
    expected = [i for i, name in enumerate(operations) if name in names]
    assert align([names[operations[i]] for i in expected], operations) == expected


@given(
    st.lists(st.sampled_from([CONV, COPY, ADD, "?"])), st.lists(st.sampled_from(["CONV_2D", "PAD", "ADD"]), min_size=1)
)
def test_places_exist_and_never_fall(kernels: list[str], operations: list[str]) -> None:
    places = align(kernels, operations)
    assert len(places) == len(kernels) and places == sorted(places)
    assert all(0 <= place < len(operations) for place in places)


def test_names_fit_without_a_table_where_they_are_the_operations() -> None:
    assert fits("Leaky ReLU (NC, F32)", "LEAKY_RELU") and not fits("Add (ND)", "MUL")


def test_parts_are_told_apart_by_their_counting_and_by_what_lies_between() -> None:
    events = [
        (CONV, DELEGATED[1], 0),
        (CONV, DELEGATED[1], 1),
        ("RESIZE", BUILT_IN, 2),
        (CONV, DELEGATED[1], 0),
        (ADD, DELEGATED[1], 0),
    ]
    operations = ["CONV_2D", "CONV_2D", "RESIZE", "CONV_2D", "ADD"]
    assert assign(events, [[0, 1], [3], [4]], operations) == [0, 1, 2, 3, 4]
    assert assign(events, [[0, 1], [3, 4]], operations) is None
