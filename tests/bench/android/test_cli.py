"""The command as a user gives it: from a phone to the tables, and its exit codes."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mobile_robust.bench.android import measure
from mobile_robust.bench.cli import main
from mobile_robust.bench.device.measure import folder_of
from mobile_robust.contracts.result import RESULT_NAME, read_result
from mobile_robust.errors import InputError
from tests.bench.android.fake_phone import FakePhone, Make, wait_for

pytestmark = pytest.mark.device


@pytest.fixture
def arguments(pipeline_build: Path, photos: Path, arguments_of: Callable[..., list[str]]) -> list[str]:
    return arguments_of(pipeline_build, photos, "--repetitions", "1")


def test_from_the_phone_to_the_tables(
    arguments: list[str], phone: FakePhone, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--accelerator", "cpu", "--threads", "2"]) == 0
    path = folder_of(tmp_path / "out", phone.serial) / RESULT_NAME
    made, printed = read_result(path), capsys.readouterr().out
    assert made.complete and made.protocol.threads == 2 and made.protocol.warm_up_seconds == 1
    assert "CPU ratio" in printed and str(path) in printed
    assert [printed.count(f"pipeline_{name}.tflite  tflite_cpu") for name in ("fp32", "int8")] == [1, 1]
    assert printed.count("✓ pass") == 2 and "≤ 1e-05" in printed
    assert not (phone.root / "app").exists()
    assert main([*arguments, "--accelerator", "cpu", "--threads", "2"]) == 0  # all is there: shown again
    assert phone.starts == 1 and capsys.readouterr().out.count("✓ pass") == 2


def test_what_is_not_equal_or_not_on_the_gpu_is_told_and_code_1(
    arguments: list[str], make_phone: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = make_phone(), make_phone(apps=[{"shift": {"cpu": 0.3}}])
    serials = ["--serial", good.serial, bad.serial]
    assert main([*arguments, *serials, "--precision", "fp32", "--accelerator", "cpu", "gpu"]) == 1
    printed = " ".join(capsys.readouterr().out.split())
    assert printed.count("✓ pass") == printed.count("✗ fail") == 1
    assert "pipeline_fp32.tflite on tflite_cpu: output logits: worst at index [" in printed
    assert "pipeline_fp32.tflite on tflite_gpu: load: the GPU did not take 3 of " in printed
    assert (good.root / "app").exists()  # something failed, so the same command goes on there


def test_a_phone_that_fails_is_code_2_after_the_others_are_shown(
    arguments: list[str], make_phone: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    good, hot = make_phone(), make_phone(thermal=5)
    with pytest.raises(InputError, match=rf"^{hot.serial}: phone too hot: thermal status 5"):
        main([*arguments, "--serial", hot.serial, good.serial, "--precision", "fp32", "--accelerator", "cpu"])
    assert capsys.readouterr().out.count("✓ pass") == 1


def test_ctrl_c_ends_the_app_and_is_code_130(arguments: list[str], phone: FakePhone, tmp_path: Path) -> None:
    arguments[arguments.index("--repetitions") + 1] = "500"
    process = subprocess.Popen(
        [sys.executable, "-m", "mobile_robust.bench", *arguments, "--accelerator", "cpu"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for(lambda: process.poll() is not None or any(f.match("*.json") for f in tmp_path.glob("out/*/r*")), 90)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130 and errors.strip().endswith("interrupted")
    assert not phone.app_runs()
    (path,) = tmp_path.glob(f"out/*/{RESULT_NAME}")
    there = read_result(path)
    assert not there.complete and there.runs[0].load_ns


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--threads", "0"], "--threads 0: must be 1 or more"),
        (["--repetitions", "0"], "--repetitions 0: must be 1 or more"),
        (["--cool-down", "nan"], "--cool-down nan: must be 0 or more seconds"),
        (["--apk", "gone.apk"], "--apk gone.apk: no such file"),
        (["--serial", "R58M"], "R58M: no such device; adb sees: none"),
        ([], "no device: plug a phone in"),
    ],
)
def test_bad_input_is_named(arguments: list[str], adb: Path, more: list[str], said: str) -> None:
    with pytest.raises(InputError, match=f"^{said}"):
        main([*arguments, *more])


def test_nothing_to_measure(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match="nothing to measure: give the folder of a finished build, or --build"):
        main(["android"])
    with pytest.raises(SystemExit) as stop:
        main(["android", "--help"])
    assert stop.value.code == 0 and "USB debugging" in capsys.readouterr().out


def test_a_file_the_app_cannot_load_is_found_here(
    arguments: list[str], phone: FakePhone, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = replace(measure.ANDROID, file_problems=lambda path: [f"GELU version 9 in {path.name}"])
    monkeypatch.setattr(measure, "ANDROID", refusing)
    with pytest.raises(InputError, match=r"pipeline_fp32.tflite: the app's runtime would refuse it: GELU version 9"):
        main(arguments)
    assert phone.commands == []
