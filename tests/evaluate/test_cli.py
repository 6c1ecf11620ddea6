"""The command: table, files, skipped photos and bad options."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mobile_robust.data import Photo
from mobile_robust.errors import InputError
from mobile_robust.evaluate import classifiers
from mobile_robust.evaluate.classifiers import Classifier
from mobile_robust.evaluate.cli import main


def by_brightness(photo: Photo) -> np.ndarray:
    """Right for the flat photos of the fixture."""
    return -np.abs(np.arange(10) * 20 - photo.mean()).astype(np.float32)


def always_zero(photo: Photo) -> np.ndarray:
    return np.eye(10, dtype=np.float32)[0]


@pytest.fixture(autouse=True)
def two_classifiers(monkeypatch: pytest.MonkeyPatch) -> None:
    def open_build(folder: Path) -> list[Classifier]:
        return [
            Classifier(str(folder), "reference", "pytorch", (32, 32), by_brightness),
            Classifier(str(folder), "small_int8.tflite", "litert_cpu", (48, 48), always_zero),
        ]

    monkeypatch.setattr(classifiers, "open_build", open_build)
    monkeypatch.setenv("COLUMNS", "140")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(5):
        Image.fromarray(np.full((37, 55, 3), 20 * i, np.uint8)).save(folder / f"{i}.png")
    return folder


def test_table_json_and_csv_agree(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = [tmp_path / "scores.json", tmp_path / "scores.csv"]
    files = ["--json", str(out[0]), "--csv", str(out[1])]
    assert main(["b", "--images", str(photos), *files, "--quality", "10", "7"]) == 0
    text = capsys.readouterr().out
    assert "% of 5 photos" in text and "small_int8.tflite" in text and "100.0 ± 21.7 / 100.0" in text
    document = json.loads(out[0].read_text())
    assert document["images"]["used"] == 5 and document["images"]["holdout"] is None
    scores = {(s["classifier"], s["condition"]): s["top1"] for s in document["scores"]}
    assert scores == {
        (name, condition): top1
        for name, top1 in (("reference", 1.0), ("small_int8.tflite", 0.2))
        for condition in ("clean", "jpeg 10", "jpeg 7")
    }
    with out[1].open() as file:
        rows = list(csv.DictReader(file))
    assert [{k: str(v) for k, v in s.items()} for s in document["scores"]] == rows


def test_broken_photos_are_named_and_not_counted(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (photos / "7.png").write_text("broken")
    assert main(["b", "--images", str(photos), "--corruption", "clean"]) == 0
    captured = capsys.readouterr()
    assert "skipped 1 of 6 images" in captured.err.replace("\n", " ") and "7.png" in captured.err.replace("\n", "")
    assert "% of 5 photos" in captured.out and "jpeg" not in captured.out


def test_holdout_scores_the_test_part(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["b", "--images", str(photos), "--holdout", "0.4"]) == 0
    assert "% of 2 photos" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--quality", "0"], "--quality 0: allowed are 1"),
        (["--holdout", "1.5"], "--holdout 1.5: allowed"),
        (["--holdout", "nan"], "--holdout nan: allowed"),
        (["--holdout", "0.01"], "--holdout 0.01: of 5 images that leaves none"),
        (["--holdout", "0.5", "--holdout-seed", "-1"], "--holdout-seed -1: allowed"),
        (["--json", "gone/scores.json"], "no such folder: gone"),
        (["--labels", "folders"], "--labels folders: "),
    ],
)
def test_bad_options_are_named(photos: Path, options: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        main(["b", "--images", str(photos), *options])


def test_no_photos_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder; give a folder of images"):
        main(["b", "--images", str(tmp_path / "gone")])


def test_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0 and "--holdout 0.4" in capsys.readouterr().out
