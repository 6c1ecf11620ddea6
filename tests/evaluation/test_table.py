"""The table fits the terminal however much is in it; the plot is a picture."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from mobile_robust.evaluation.plot import plot
from mobile_robust.evaluation.scores import Scores
from mobile_robust.evaluation.settings import select_settings
from mobile_robust.evaluation.table import as_markdown, grids, print_scores
from tests.evaluation.fakes import BASELINE, model
from tests.evaluation.test_scores import right, scored

NAMES = ("reference", *(f"{form}.tflite" for form in ("fp32", "fp16", "int8")), "int8w.mlpackage", "pal6.mlpackage")


def measured(method: str, *corruptions: str, names: tuple[str, ...] = NAMES) -> Scores:
    random, models = np.random.default_rng(0), [BASELINE, *(model(n, method=method) for n in names)]
    settings = select_settings(corruptions, [(224, 224)])
    scores = scored({(m, s): right(int(random.integers(0, 41)), 40) for m in models for s in settings})
    return Scores(tuple(models), tuple(settings), tuple(scores))


def printed(scores: Scores, width: int = 120) -> list[str]:
    console = Console(width=width, file=io.StringIO())
    print_scores(scores, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("corruptions", [("jpeg",), ("imagenet_c",), ("jpeg", "awgn")])
def test_nothing_is_cut_off(corruptions: tuple[str, ...], width: int) -> None:
    scores = measured("afd", *corruptions)
    lines = printed(scores, width)
    assert max(map(len, lines)) <= width and not any("…" in line for line in lines)
    text = "\n".join(lines)
    for score in scores.scores:
        if score.corruption == "clean":
            assert f"{100 * score.top1.value:.1f} ±" in text and score.model.name in text
    assert all(setting.corruption in text for setting in scores.settings)


def test_a_single_corruption_shows_its_levels_and_the_paper() -> None:
    lines = printed(measured("afd", "jpeg"))
    (head,) = [line for line in lines if "jpeg 25" in line]
    assert head.split() == ["clean", "jpeg", "25", "jpeg", "18", "jpeg", "15", "jpeg", "10", "jpeg", "7", "mean"]
    (paper,) = [i for i, line in enumerate(lines) if line.strip().startswith("paper ")]
    assert lines[paper].split()[1:] == ["76.0", "67.1", "64.8", "62.9", "57.2", "49.0", "60.2"]
    assert lines[paper + 1].split()[1:] == ["10", "%", "17", "%", "22", "%", "34", "%", "39", "%", "30", "%"]
    assert "AFD-Module, Table V" in lines[-1]


def test_fifteen_corruptions_show_their_means_and_the_papers() -> None:
    text = "\n".join(printed(measured("sympie", "imagenet_c")))
    assert "52.2" in text and "12 %" in text and "SyMPIE, Table 2" in text and "80.7" in text


def test_markdown_has_the_same_cells() -> None:
    scores = measured("afd", "jpeg")
    rows = [line for line in as_markdown(scores).splitlines() if line[:1] == "|"]
    assert len(rows) == 2 + len(scores.models) + 1 and len({row.count(" | ") for row in rows}) == 1
    assert rows[0] == "|  | clean | jpeg 25 | jpeg 18 | jpeg 15 | jpeg 10 | jpeg 7 | mean |"
    assert rows[-1].startswith("| paper · afd | 76.0 | 67.1, 10 % |")


def test_errors_relative_to_alexnet_are_a_column() -> None:
    scores = measured("sympie", "fog")
    found = grids(replace(scores, mce=dict.fromkeys(scores.models, 71.25)))
    assert found[0].settings[-1] == "mCE" and found[0].cells[0][-1].accuracy == "71.2"
    assert {len(row) for row in found[0].cells} == {len(found[0].settings)}


@pytest.mark.parametrize("corruptions", [(), ("jpeg",), pytest.param(("imagenet_c",), marks=pytest.mark.slow)])
def test_the_plot_is_as_wide_as_a_page(corruptions: tuple[str, ...]) -> None:
    image = Image.open(io.BytesIO(plot(measured("afd", *corruptions, names=NAMES[:2]))))
    assert image.format == "PNG" and 800 <= image.width <= 1600


def test_a_corruption_at_one_level_shows_the_level() -> None:
    (grid,) = grids(measured("afd", "jpeg:7", "fog"))
    assert grid.settings == ["clean", "jpeg 7", "fog", "mean"]
