"""A phone whose GPU can be used; its outputs are those of LiteRT's GPU engine on this computer."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from mobile_robust.bench import protocol
from mobile_robust.bench.android.platform import ANDROID
from mobile_robust.bench.cli import main
from mobile_robust.bench.device.measure import folder_of
from mobile_robust.bench.device.plan import MeasurementPlan, choose_models
from mobile_robust.bench.inputs import TestSets, describe, open_photos
from mobile_robust.contracts.result import RESULT_NAME, read_result
from mobile_robust.runtimes.litert_gpu.runtime import LitertGpu
from tests.bench.android.fake_phone import FakePhone, Make
from tests.bench.android.harness import AdbHarness
from tests.bench.device.harness import complete

pytestmark = pytest.mark.device


@pytest.fixture
def two(photos: Path, tmp_path: Path) -> Path:
    """Photos, as few as make a set."""
    folder = tmp_path / "two"
    folder.mkdir()
    for name in ("0.png", "1.png"):
        shutil.copy(photos / name, folder)
    return folder


@pytest.fixture
def gpu_phone(require: Callable, make_phone: Make) -> Make:
    """Makes phones with a GPU; only where there is one for them."""
    require(LitertGpu())
    return partial(make_phone, gpu=True)


@pytest.fixture
def arguments(
    module_build: Path, two: Path, arguments_of: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """A command for both accelerators; it warms up less than a user's does."""
    monkeypatch.setattr(protocol, "WARM_UP_SECONDS", 0.0)
    return arguments_of(module_build, two, "--repetitions", "2", "--accelerator", "cpu", "gpu")


def stored(tmp_path: Path, phone: FakePhone) -> Path:
    return folder_of(tmp_path / "out", phone.serial) / RESULT_NAME


def row(printed: str, *words: str) -> str:
    """The one line of what was printed that begins with these words."""
    (found,) = (line for line in map(str.split, printed.splitlines()) if line[: len(words)] == list(words))
    return " ".join(found)


def test_both_accelerators_from_the_phone_to_the_report(
    arguments: list[str], gpu_phone: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    phone = gpu_phone()
    assert main([*arguments, "--precision", "fp32"]) == 0
    path, printed = stored(tmp_path, phone), capsys.readouterr().out
    made = read_result(path)
    cpu, gpu = made.runs
    assert complete(made) and (cpu.requested, gpu.requested) == ("cpu", "gpu")
    assert (gpu.runtime.name, gpu.arithmetic, cpu.arithmetic) == ("tflite_gpu", "fp32", None)
    assert cpu.actual is not None and gpu.actual is not None
    assert gpu.actual.accelerator == "gpu" and gpu.actual.placed_ops == gpu.actual.total_ops == cpu.actual.total_ops
    assert len(set(gpu.outputs_sha256) | set(cpu.outputs_sha256)) == 4  # other numbers,
    for runtime in ("tflite_cpu", "tflite_gpu"):  # but the same within the tolerance, for both photos
        proof = row(printed, "small_fp32.tflite", runtime)
        assert proof.split()[2] == "2" and proof.endswith("≤ 1e-05 ✓ pass")
    assert "CPU ms" in printed and "GPU ms" in printed

    assert main(["report", str(path), "--out", str(tmp_path / "report")]) == 0
    shown = capsys.readouterr().out
    assert "CPU ms" in shown and "GPU ms" in shown
    with (tmp_path / "report" / "table.csv").open() as file:
        records = {record["requested"]: record for record in csv.DictReader(file)}
    assert set(records) == {"cpu", "gpu"}
    for run in (cpu, gpu):
        samples = [sample / 1e6 for repetition in run.repetitions for sample in repetition.samples_ns]
        assert float(records[run.requested]["mean_ms"]) == pytest.approx(sum(samples) / 4)
        assert records[run.requested]["error"] == ""
    page = (tmp_path / "report" / "report.html").read_text()
    assert f"{gpu.actual.total_ops} of {gpu.actual.total_ops} on gpu" in page and "on xnnpack" in page


def test_a_run_that_is_dropped_at_the_gpu_resumes_at_its_missing_repetition(
    harness: AdbHarness, gpu_phone: Make, module_build: Path, two: Path, tmp_path: Path
) -> None:
    models = choose_models(ANDROID, [module_build], ["fp32"], ["cpu", "gpu"])
    sets = TestSets(open_photos(two), tmp_path)
    how = harness.plan.protocol.model_copy(update={"inputs": describe(open_photos(two))})
    harness.plan = MeasurementPlan(ANDROID, models, [sets.of(model) for model in models], how)
    harness.reconnect = 1
    phone = gpu_phone(apps=[{"crash": 3}])  # before the GPU's second repetition
    phone.plan["cat result.json"] = [phone.unplug]
    assert "nothing measured is lost" in harness.refused(phone)
    assert phone.app is not None and phone.app.wait(60) < 0
    (there,) = (read_result(path) for path in phone.files.glob(f"*/{RESULT_NAME}"))
    assert [len(run.repetitions) for run in there.runs] == [2, 1]
    phone.plug()
    harness.reconnect = 8
    result = harness.measured(phone)
    assert complete(result) and phone.starts == 2
    job = json.loads((phone.files / "job.json").read_text())
    assert [(model["requested"], model["repetitions"]) for model in job["models"]] == [("gpu", [1])]
    for before, after in zip(there.runs, result.runs, strict=True):
        assert after.repetitions[: len(before.repetitions)] == before.repetitions
        assert (after.load_ns, after.outputs_sha256) == (before.load_ns, before.outputs_sha256)


def test_a_file_that_the_gpu_refuses_is_an_error_and_the_other_is_measured(
    arguments: list[str], gpu_phone: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    phone = gpu_phone(apps=[{"refused": "small_fp32.tflite"}])
    assert main([*arguments, "--precision", "fp32", "int8"]) == 1
    made, printed = read_result(stored(tmp_path, phone)), capsys.readouterr().out
    runs = {(run.precision, run.requested): run for run in made.runs}
    refused = runs.pop(("fp32", "gpu"))
    assert complete(made.model_copy(update={"runs": tuple(runs.values())})) and len(runs) == 3 and phone.starts == 1
    assert runs["int8", "gpu"].arithmetic == "fp16" and runs["int8", "gpu"].actual.left_over == ()
    assert refused.load_ns is None and refused.repetitions == () and len(refused.errors) == 1
    assert refused.actual.placed_ops == refused.actual.total_ops - 3
    assert row(printed, "small_fp32.tflite", "on").startswith(
        f"small_fp32.tflite on tflite_gpu: load: the GPU did not take 3 of {refused.actual.total_ops} operations ("
    )
    assert printed.count("on tflite_gpu: ") == 1 and printed.count("✓ pass") == 3 and "✗ fail" not in printed
    assert "≥ 25 dB" in row(printed, "small_int8.tflite", "tflite_gpu")
