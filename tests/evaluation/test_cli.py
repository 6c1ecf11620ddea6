"""The command: files, skipped photos, bad options, and what is left of a run that was stopped."""

from __future__ import annotations

import csv
import json
import os
import resource
import signal
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.data.images import built_in_photos
from mobile_robust.data.split import Split
from mobile_robust.errors import InputError
from mobile_robust.evaluation import models
from mobile_robust.evaluation.cli import main
from mobile_robust.evaluation.records import FILE
from mobile_robust.evaluation.run import _suspicious
from mobile_robust.training_record import TrainingRecord
from tests.evaluation.fakes import BASELINE, bright, flat_photos, model
from tests.shared import kill, wait_for_end, wait_until

OUTPUTS = {FILE, "scores.json", "scores.csv", "table.md", "accuracy.png"}


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [BASELINE, model("int8.tflite", method="afd")]
    monkeypatch.setattr(models, "resolve", lambda arguments, weights, runtimes: found)
    monkeypatch.setenv("COLUMNS", "120")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return flat_photos(tmp_path / "photos", 5).folder


@pytest.mark.usefixtures("fakes")
def test_table_and_files_agree(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "deep" / "out"
    assert main(["b", "--images", str(photos), "--out", str(out), "--jobs", "1"]) == 0
    captured = capsys.readouterr()
    assert "5 photos: top-1" in captured.out and "jpeg 25" in captured.out and "60 predictions" in captured.err
    assert {path.name for path in out.iterdir()} == OUTPUTS
    document = json.loads((out / "scores.json").read_text())
    assert document["photos"]["used"] == 5 and document["photos"]["skipped"] == [] and document["seed"] == 0
    assert [m["model"] for m in document["models"]] == ["baseline", "int8.tflite"]
    assert {s["corruption"] for s in document["scores"]} == {"clean", "jpeg", "all"}
    with (out / "scores.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [{k: "" if v is None else str(v) for k, v in s.items()} for s in document["scores"]] == rows
    assert "| int8.tflite · r | 100.0" in (out / "table.md").read_text()


@pytest.mark.usefixtures("fakes")
def test_adding_a_corruption_measures_only_that(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["b", "--images", str(photos), "--out", str(tmp_path / "out"), "--jobs", "1"]
    main([*command, "--corruption", "jpeg:7"])
    assert "20 predictions to make\n" in capsys.readouterr().err
    main([*command, "--corruption", "jpeg:7", "fog:2"])
    said = capsys.readouterr().err
    assert "20 of 30 predictions are in" in said and "10 predictions to make" in said
    main([*command, "--corruption", "jpeg:7", "fog:2", "--seed", "3"])
    assert "already" not in capsys.readouterr().err


@pytest.mark.usefixtures("fakes")
def test_broken_photos_are_named_and_not_counted(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "7.png").write_text("broken")
    command = ["b", "--images", str(photos), "--corruption", "clean", "--jobs", "1", "--out", str(tmp_path / "out")]
    for _ in range(2):  # also where all predictions are there already
        assert main(command) == 0
        captured = capsys.readouterr()
        assert "skipped 1 of 6 images" in captured.err.replace("\n", " ") and "7.png" in captured.err.replace("\n", "")
        assert "5 photos" in captured.out and "jpeg" not in captured.out
    (skipped,) = json.loads((tmp_path / "out" / "scores.json").read_text())["photos"]["skipped"]
    assert skipped["file"] == "7.png" and "not an image" in skipped["reason"]


@pytest.mark.usefixtures("fakes")
def test_no_readable_photo_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "3.png").write_text("broken")
    with pytest.raises(InputError, match=r"no image can be read; skipped 1 of 1 images: .*3\.png"):
        main(["b", "--images", str(tmp_path), "--jobs", "1"])


@pytest.mark.usefixtures("fakes")
def test_holdout_scores_the_test_part(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["b", "--images", str(photos), "--holdout", "0.4", "--jobs", "1"]) == 0
    assert "2 photos: top-1" in capsys.readouterr().out


def test_photos_that_the_module_was_trained_on_are_refused(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    split = Split(0.4)
    record = TrainingRecord.of(PhotoDataset.from_folder(photos, split=split), None, None)
    trained = replace(model("int8.tflite", method="afd"), trained=record)
    monkeypatch.setattr(models, "resolve", lambda arguments, weights, runtimes: [BASELINE, trained])
    message = f"the module of b was trained on {record.photos} of these 5 photos, such as .*; give others, or what "
    with pytest.raises(InputError, match=message + "its training left out: --holdout 0.4 --holdout-seed 0$"):
        main(["b", "--images", str(photos), "--jobs", "1"])
    assert main(["b", "--images", str(photos), "--jobs", "1", *str(split).split()]) == 0


@pytest.mark.usefixtures("fakes")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--runtime", "litert_gpx"], "unknown runtime 'litert_gpx'; known: "),
        (["--runtime", "gpu_delegate_ops"], "unknown runtime 'gpu_delegate_ops'; "),
        (["--runtime", "snapdragon_npu:SM1"], "unknown chip of snapdragon_npu 'SM1'; "),
        (["--corruption", "jpg"], "unknown corruption or family 'jpg'; close matches: "),
        (["--corruption", "fog:9"], "corruption fog: severity 9: allowed are"),
        (["--holdout", "1.5"], "--holdout 1.5: allowed"),
        (["--holdout", "nan"], "--holdout nan: allowed"),
        (["--holdout", "0.01"], "--holdout 0.01: of 5 images that leaves none"),
        (["--holdout", "0.5", "--holdout-seed", "-1"], "--holdout-seed -1: must be 0 or more"),
        (["--seed", "-1"], "--seed -1: must be 0 or more"),
        (["--jobs", "0"], "--jobs 0: must be 1 or more"),
        (["--labels", "folders"], "--labels folders: "),
        (["--alexnet-errors", "gone.csv"], "--alexnet-errors gone.csv: no such file"),
        (["--out", __file__], "--out .*test_cli.py: is a file; give a folder"),
    ],
)
def test_bad_options_are_named(photos: Path, options: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        main(["b", "--images", str(photos), *options])


@pytest.mark.usefixtures("fakes")
def test_a_label_beyond_the_classes_is_named(photos: Path) -> None:
    (photos / "4.png").rename(photos / "10.png")
    with pytest.raises(InputError, match=r"10\.png has label 10, but baseline of b knows the classes 0 to 9"):
        main(["b", "--images", str(photos)])


@pytest.mark.usefixtures("fakes")
@pytest.mark.parametrize("shift", [0, 3])
def test_a_baseline_that_guesses_is_suspicious(tmp_path: Path, capsys: pytest.CaptureFixture[str], shift: int) -> None:
    lines = ["file,label"]
    for index, path in enumerate([tmp_path / "photos" / f"{i}.png" for i in range(50)]):
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((37, 37, 3), 20 * (index % 10), np.uint8)).save(path)
        lines.append(f"{path.name},{(index % 10 + shift) % 10}")
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    main(
        [
            "b",
            "--images",
            f"{tmp_path}/photos",
            "--labels",
            f"{tmp_path}/labels.csv",
            "--corruption",
            "clean",
            "--jobs",
            "1",
        ]
    )
    said = "b: 0.0% of the clean photos right is no better than chance among 10 classes" in capsys.readouterr().err
    assert said == bool(shift)


@pytest.mark.parametrize(
    ("right", "photos", "classes", "doubted"),
    [
        *((0.95, 60, 2, False), (0.6, 60, 2, True), (0.62, 400, 2, False), (0.5, 50, 3, False), (0.02, 50, 10, True)),
        *((0.0, 20, 1000, True), (0.0, 19, 1000, False), (0.1, 20, 1000, False), (0.001, 5000, 1000, True)),
    ],
)
def test_what_is_no_better_than_chance(right: float, photos: int, classes: int, doubted: bool) -> None:
    guesses = replace(BASELINE, classes=classes)
    score = SimpleNamespace(model=guesses, corruption="clean", photos=photos, top1=SimpleNamespace(value=right))
    assert bool(_suspicious(score)) == doubted


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos of ten classes."""
    folder = tmp_path_factory.mktemp("real")
    for i, photo in enumerate(built_in_photos((64, 64), 24)):
        (folder / f"c{i % 10}").mkdir(exist_ok=True)
        Image.fromarray(photo).save(folder / f"c{i % 10}" / f"{i}.png")
    return folder


def arguments(build: Path, photos: Path, out: Path, *more: str) -> list[str]:
    words = f"{build}/pipeline_int8.tflite --images {photos} --labels folders --corruption gaussian_noise fog jpeg"
    return [*words.split(), "--out", str(out), *more]


def without_date(out: Path) -> dict:
    document = json.loads((out / "scores.json").read_text())
    assert document.pop("date")
    return document


def start(words: list[str]) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "mobile_robust.evaluate", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for_predictions(out: Path, process: subprocess.Popen) -> None:
    """Until three batches are on disk."""
    wait_until(lambda: (out / FILE).exists() and (out / FILE).read_bytes().count(b"\n") > 3, process)


@pytest.mark.slow
def test_a_killed_run_is_resumed_and_ends_alike(
    pipeline_build: Path, real: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(pipeline_build, real, tmp_path / "whole", "--jobs", "1")) == 0
    process = start(arguments(pipeline_build, real, tmp_path / "killed", "--jobs", "2"))
    wait_for_predictions(tmp_path / "killed", process)
    kill(process)
    assert not (tmp_path / "killed" / "scores.json").exists()
    capsys.readouterr()
    assert main(arguments(pipeline_build, real, tmp_path / "killed", "--jobs", "1")) == 0
    assert "predictions are in" in capsys.readouterr().err.replace("\n", " ")
    assert without_date(tmp_path / "killed") == without_date(tmp_path / "whole")
    assert (tmp_path / "killed" / "table.md").read_text() == (tmp_path / "whole" / "table.md").read_text()


@pytest.mark.slow
def test_ctrl_c_ends_all_processes_and_keeps_the_predictions(pipeline_build: Path, real: Path, tmp_path: Path) -> None:
    process = start(arguments(pipeline_build, real, tmp_path / "out", "--jobs", "2"))
    wait_for_predictions(tmp_path / "out", process)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and "interrupted" in errors and "Traceback" not in errors
    wait_for_end(process)


@pytest.mark.slow
def test_a_full_disk_is_one_message(pipeline_build: Path, real: Path, tmp_path: Path) -> None:
    words = arguments(pipeline_build, real, tmp_path / "out", "--jobs", "1")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2048, before[1]))
    try:
        with pytest.raises(InputError, match=r"answers\.jsonl: cannot be written: File too large") as error:
            main(words)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert len(str(error.value).splitlines()) == 1


def test_without_labels_agreement_with_the_clean_baseline_is_measured(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    baseline = replace(BASELINE, open=partial(bright, 11))  # names the class below in every photo but the darkest
    monkeypatch.setattr(models, "resolve", lambda arguments, weights, runtimes: [baseline, model("int8.tflite")])
    for path in photos.iterdir():
        path.rename(path.with_name(f"IMG_{path.name}"))
    with pytest.raises(InputError, match=r"--labels names: .*IMG_0\.png.*--labels none"):
        main(["b", "--images", str(photos), "--jobs", "1"])
    (photos / "IMG_9.png").write_text("broken")
    out = tmp_path / "out"
    line = ["b", "--images", str(photos), "--labels", "none", "--corruption", "clean", "--jobs", "1", "--out", str(out)]
    assert main(line) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "5 photos without labels, so that right means agreement with the backbone's clean predictions" in said
    document = json.loads((out / "scores.json").read_text())
    clean = {score["model"]: score["top1"] for score in document["scores"] if score["corruption"] == "clean"}
    assert clean == {"baseline": 1, "int8.tflite": 0.2}
    assert document["photos"]["labels"] == "the backbone's clean predictions" and document["photos"]["used"] == 5


def test_agreement_with_two_backbones_is_refused(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = replace(BASELINE, group="c", fingerprint="other", baseline="other")
    monkeypatch.setattr(models, "resolve", lambda arguments, weights, runtimes: [BASELINE, other])
    with pytest.raises(InputError, match=r"--labels none: b, c have different backbones"):
        main(["b", "c", "--images", str(photos), "--labels", "none", "--jobs", "1"])
