"""The table fits the terminal however much is in it; the plot is a picture."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from mobile_robust.evaluate.models import Model
from mobile_robust.evaluate.plot import plot
from mobile_robust.evaluate.scores import Score
from mobile_robust.evaluate.settings import CorruptionSetting, select_settings
from mobile_robust.evaluate.table import as_markdown, grids, print_grids
from tests.evaluate.fakes import ALONE, Bright, model
from tests.evaluate.test_scores import right, scored

NAMES = (
    "reference",
    "fp32.tflite",
    "fp16.tflite",
    "int8.tflite",
    "fp32.mlpackage",
    "int8w.mlpackage",
    "pal6.mlpackage",
)


def measured(method: str, *corruptions: str) -> tuple[list[Model], list[CorruptionSetting], list[Score]]:
    random, models = np.random.default_rng(0), [ALONE, *(model(n, Bright(), method=method) for n in NAMES)]
    conditions = select_settings(corruptions, [(224, 224)])
    return (
        models,
        conditions,
        scored({(m, c): right(int(random.integers(0, 41)), 40) for m in models for c in conditions}),
    )


def printed(
    models: Sequence[Model], conditions: Sequence[CorruptionSetting], scores: Sequence[Score], width: int = 120
) -> list[str]:
    console = Console(width=width, file=io.StringIO())
    print_grids(grids(models, conditions, scores, {}), 40, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("corruptions", [("jpeg",), ("imagenet_c",), ("jpeg", "awgn")])
def test_nothing_is_cut_off(corruptions: tuple[str, ...], width: int) -> None:
    models, conditions, scores = measured("afd", *corruptions)
    lines = printed(models, conditions, scores, width)
    assert max(map(len, lines)) <= width and not any("…" in line for line in lines)
    text = "\n".join(lines)
    for score in scores:
        if score.corruption == "clean":
            assert f"{100 * score.top1:.1f} ±" in text and score.model in text
    assert all(condition.corruption in text for condition in conditions)


def test_a_single_corruption_shows_its_levels_and_the_paper() -> None:
    lines = printed(*measured("afd", "jpeg"))
    (head,) = [line for line in lines if "jpeg 25" in line]
    assert head.split() == ["clean", "jpeg", "25", "jpeg", "18", "jpeg", "15", "jpeg", "10", "jpeg", "7", "mean"]
    (paper,) = [i for i, line in enumerate(lines) if line.strip().startswith("paper ")]
    assert lines[paper].split()[1:] == ["76.0", "67.1", "64.8", "62.9", "57.2", "49.0", "60.2"]
    assert lines[paper + 1].split()[1:] == ["10", "%", "17", "%", "22", "%", "34", "%", "39", "%", "30", "%"]
    assert "AFD-Module, Table V" in lines[-1]


def test_fifteen_corruptions_show_their_means_and_the_papers() -> None:
    text = "\n".join(printed(*measured("sympie", "imagenet_c")))
    assert "52.2" in text and "12 %" in text and "SyMPIE, Table 2" in text and "80.7" in text


def test_markdown_has_the_same_cells() -> None:
    models, conditions, scores = measured("afd", "jpeg")
    rows = [line for line in as_markdown(grids(models, conditions, scores, {}), 40).splitlines() if line[:1] == "|"]
    assert len(rows) == 2 + len(models) + 1 and len({row.count(" | ") for row in rows}) == 1
    assert rows[0] == "|  | clean | jpeg 25 | jpeg 18 | jpeg 15 | jpeg 10 | jpeg 7 | mean |"
    assert rows[-1].startswith("| paper · afd | 76.0 | 67.1, 10 % |")


def test_errors_relative_to_alexnet_are_a_column() -> None:
    models, conditions, scores = measured("sympie", "fog")
    found = grids(models, conditions, scores, {(m.group, m.name, m.runtime): 71.25 for m in models})
    assert found[0].conditions[-1] == "mCE" and found[0].cells[0][-1].accuracy == "71.2"
    assert {len(row) for row in found[0].cells} == {len(found[0].conditions)}


@pytest.mark.parametrize("corruptions", [(), ("jpeg",), ("imagenet_c",)])
def test_the_plot_is_as_wide_as_a_page(corruptions: tuple[str, ...]) -> None:
    image = Image.open(io.BytesIO(plot(*measured("afd", *corruptions))))
    assert image.format == "PNG" and 800 <= image.width <= 1600


def test_a_corruption_at_one_level_shows_the_level() -> None:
    models, conditions, scores = measured("afd", "jpeg:7", "fog")
    (grid,) = grids(models, conditions, scores, {})
    assert grid.conditions == ("clean", "jpeg 7", "fog", "mean")
