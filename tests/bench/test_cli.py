"""The command: bad input is one message, a model that fails ends it with code 1."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mobile_robust.bench.cli import main
from mobile_robust.contracts.manifest import MANIFEST_NAME
from mobile_robust.contracts.result import RESULT_NAME, read_result
from mobile_robust.errors import InputError
from tests.bench.fakes import result, run, written
from tests.bench.host.test_session import refuse_on_gpu


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("host", "^nothing to measure: give the folder of a finished build, or --baselines$"),
        ("host gone", "^gone: no such folder; give the folder of a finished build"),
        ("host .", "^.: no manifest.json, so this is not a finished build"),
        ("host BUILD/x.tflite", "unknown TFLite file of .*known: pipeline_fp32.tflite, pipeline_int8.tflite"),
        ("host BUILD --threads 0", "--threads 0: must be 1 or more"),
        ("host BUILD --repetitions 0", "--repetitions 0: must be 1 or more"),
        ("host BUILD --cool-down -1", "--cool-down -1: must be 0 or more seconds"),
        ("host BUILD --cool-down nan", "--cool-down nan: must be 0 or more seconds"),
        ("host BUILD --pin a 1", "--pin a: give the numbers of cores, or none"),
        ("host BUILD --pin 9999", "--pin 9999: allowed are the cores "),
        ("host BUILD --precision fp16", "no TFLite file of --precision fp16; it has: fp32, int8"),
        ("host BUILD --images gone", "gone: no such folder; give a folder of images"),
        (f"host BUILD --out {__file__}", r"--out .*test_cli.py: cannot be made: File exists"),
        ("report gone.json --out r", "^gone.json: cannot be read: No such file or directory$"),
    ],
)
def test_bad_input_is_named(pipeline_build: Path, tmp_path: Path, monkeypatch, words: str, said: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=said):
        main(words.replace("BUILD", str(pipeline_build)).split())
    assert not list(tmp_path.glob("*/*"))


@pytest.mark.parametrize("words", ["host x --runtime cuda", "host x --precision fp64", "nothing", "report x"])
def test_unknown_choices_end_with_code_2(capsys: pytest.CaptureFixture[str], words: str) -> None:
    with pytest.raises(SystemExit) as stop:
        main(words.split())
    assert stop.value.code == 2 and "usage: " in capsys.readouterr().err


def test_host_then_report(
    pipeline_build: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr("mobile_robust.bench.protocol.WARM_UP_SECONDS", 0.01)
    words = ["host", str(pipeline_build), "--images", str(photos), "--repetitions", "1", "--cool-down", "0"]
    assert main([*words, "--out", str(tmp_path / "deep" / "out")]) == 0
    path = tmp_path / "deep" / "out" / RESULT_NAME
    made, (printed, said) = read_result(path), capsys.readouterr()
    assert "2 repetitions of the test set; cooling down and warming up alone take 2 s" in said
    assert made.protocol.repetitions == 1 and made.complete
    assert "pipeline" in printed and "CPU ratio" in printed and str(path) in printed
    with pytest.raises(InputError, match="unknown recipe for --base 'resnet5O'"):
        main([*words, "--base", "resnet5O", "--out", str(tmp_path / "other")])
    assert not (tmp_path / "other").exists()
    assert main(["report", str(path), "--out", str(tmp_path / "report")]) == 0
    assert str(tmp_path / "report" / "report.html") in capsys.readouterr().out
    document = json.loads((tmp_path / "report" / "report.json").read_text())
    assert document["base"] == "pipeline" and len(document["runs"]) == 2


def test_a_model_that_fails_is_named_and_code_1(
    pipeline_build: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch
) -> None:
    refuse_on_gpu(monkeypatch)
    words = [str(pipeline_build), "--runtime", "litert_gpu", "--precision", "fp32", "--images", str(photos)]
    assert main(["host", *words, "--out", str(tmp_path)]) == 1
    printed = " ".join(capsys.readouterr().out.split())
    assert "pipeline_fp32.tflite on litert_gpu: load: PlacementError: the GPU engine refuses BITWISE_XOR" in printed


def test_missing_baselines_are_built_beside_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mobile_robust.export import build as building

    monkeypatch.setattr("mobile_robust.methods.registry.peers", lambda: ("resnet50", "arcnn"))
    made: list[tuple[str, Path]] = []
    monkeypatch.setattr(building, "convert", lambda recipe, out, **rest: made.append((recipe.name, out)))
    (tmp_path / "resnet50").mkdir()
    (tmp_path / "resnet50" / MANIFEST_NAME).touch()
    asked: list[list[Path]] = []

    def stop(folders: list[Path], *rest: object) -> None:
        asked.append(folders)
        raise InputError("far enough")

    monkeypatch.setattr("mobile_robust.bench.models.resolve", stop)
    with pytest.raises(InputError, match="far enough"):
        main(["host", str(tmp_path / "x" / "x_fp32.tflite"), "--baselines"])
    assert made == [("arcnn", tmp_path)]
    assert asked == [[tmp_path / "x" / "x_fp32.tflite", tmp_path / "resnet50", tmp_path / "arcnn"]]


def test_a_full_disk_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, result((run("resnet50"),)))
    (tmp_path / "out" / "table.csv").mkdir(parents=True)
    with pytest.raises(InputError, match=r"table.csv: cannot be written: not a regular file"):
        main(["report", str(path), "--out", str(tmp_path / "out")])


@pytest.mark.parametrize(("name", "option"), [("host", "--cool-down"), ("arm64", "--check"), ("report", "--scores")])
def test_every_subcommand_has_help(capsys: pytest.CaptureFixture[str], name: str, option: str) -> None:
    with pytest.raises(SystemExit) as stop:
        main([name, "--help"])
    assert stop.value.code == 0 and option in capsys.readouterr().out
