"""The papers' figures, checked against what the papers say of them in words or in their own averages."""

from __future__ import annotations

import pytest

from mobile_robust.corruptions import CORRUPTIONS, IMAGENET_C
from mobile_robust.evaluation.published import published, summary
from mobile_robust.methods.registry import methods


def percent(method: str, corruption: str, levels: tuple[float, ...], small: bool = False) -> float:
    found = summary(method, {corruption: levels}, small)
    assert found is not None
    return found[1]


def test_loss_recovered_is_what_the_project_compares_with() -> None:
    assert round(percent("afd", "jpeg", (7,))) == 39
    assert round(percent("afd", "jpeg", CORRUPTIONS["jpeg"].levels)) == 30
    fifteen = summary("sympie", {name: (1, 2, 3, 4, 5) for name in IMAGENET_C}, False)
    assert fifteen is not None and round(fifteen[0], 1) == 52.2 and round(fifteen[1]) == 12
    for name, expected in (("gaussian_blur", 76), ("awgn", 85)):
        assert round(percent("deepcorrect", name, CORRUPTIONS[name].small_levels, small=True)) == expected


@pytest.mark.parametrize(
    ("method", "corruption", "averages"),
    [  # the tables' own average column
        ("afd", "jpeg", (53.41, 60.21)),
        ("afd", "jpeg_repeated", (41.97, 52.61)),
        ("afd", "avif", (56.51, 60.32)),
    ],
)
def test_averages_are_the_printed_ones(method: str, corruption: str, averages: tuple[float, float]) -> None:
    levels = CORRUPTIONS[corruption].levels
    found = published(method, corruption, levels, False)
    assert found is not None and found.at(levels) == pytest.approx(averages, abs=0.011)


def test_every_entry_is_of_the_registry_at_its_levels() -> None:
    entries = [entry for method in methods().values() for entry in method.published]
    assert len(entries) > 20
    for entry in entries:
        corruption = CORRUPTIONS[entry.corruption]
        assert set(entry.levels) <= set(corruption.levels) or entry.levels == corruption.small_levels
        assert len(entry.direct) == len(entry.repaired) in (1, len(entry.levels))


def test_the_data_set_is_that_of_the_photos_size() -> None:
    small, large = (published("deepcorrect", "awgn", (10, 20), small) for small in (True, False))
    assert small and "CIFAR" in small.network and large and "ImageNet" in large.network


@pytest.mark.parametrize(
    ("method", "corruption", "levels"),
    [("afd", "fog", (1,)), ("afd", "jpeg", (25, 12)), ("sympie", "fog", (1, 2)), ("dir", "jpeg", (7,))],
)
def test_nothing_is_said_that_the_paper_does_not_say(method: str, corruption: str, levels: tuple[float, ...]) -> None:
    assert published(method, corruption, levels, False) is None
    assert summary(method, {corruption: levels}, False) is None
