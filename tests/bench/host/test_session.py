"""A run on this host: models take turns, nothing that was measured is lost, nothing falls back unseen."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from mobile_robust.bench.host import session as host
from mobile_robust.bench.host.session import measure
from mobile_robust.bench.inputs import Photos, TestSets, describe, open_photos
from mobile_robust.bench.models import Model, resolve
from mobile_robust.contracts.result import RESULT_NAME, Protocol, Result, read_result, write_result
from mobile_robust.errors import InputError
from mobile_robust.runtimes.base import PlacementError
from mobile_robust.runtimes.litert_cpu import LitertCpu
from mobile_robust.runtimes.litert_gpu.runtime import LitertGpu
from mobile_robust.runtimes.registry import runtimes
from tests.bench.fakes import digest, protocol
from tests.coreml_stand_in import PLAN
from tests.shared import kill, wait_until

CPU, GPU = runtimes()["litert_cpu"], runtimes()["litert_gpu"]


@pytest.fixture
def set_of_six(photos: Path) -> Photos:
    return open_photos(photos)


def quick(photos: Photos, repetitions: int = 2) -> Protocol:
    return protocol(repetitions, inputs=describe(photos), warm_up_seconds=0, warm_up_runs=1, cool_down_seconds=0)


def silent(what: str, done: int) -> None:
    pass


def measured(models: Sequence[Model], photos: Photos, path: Path, repetitions: int = 2) -> Result:
    result = measure(models, quick(photos, repetitions), photos, path, silent)
    assert read_result(path) == result
    return result


def test_models_take_turns_and_all_is_written(pipeline_build: Path, set_of_six: Photos, tmp_path: Path) -> None:
    models, sets = resolve([pipeline_build], [], [CPU]), TestSets(set_of_six, tmp_path)
    assert sets.of(models[0]) is sets.of(models[1])
    result = measured(models, set_of_six, tmp_path / "r.json")
    assert result.complete and [run.precision for run in result.runs] == ["fp32", "int8"]
    starts = {(r.index, run.precision): r.start for run in result.runs for r in run.repetitions}
    order = sorted(starts, key=lambda key: starts[key])
    assert order == [(0, "fp32"), (0, "int8"), (1, "fp32"), (1, "int8")]
    for run in result.runs:
        assert all(len(r.samples_ns) == 6 and min(r.samples_ns) > 1000 for r in run.repetitions)
        assert run.actual is not None and run.actual.total_ops >= run.actual.placed_ops > 0
        assert run.load_ns and run.first_inference_ns and run.errors == ()
        assert run.macs and run.parameters and run.label == "untrained: latency only"
        if run.peak_memory_bytes is not None:
            assert run.baseline_memory_bytes and run.peak_memory_bytes >= run.baseline_memory_bytes


def test_the_outputs_are_those_of_the_artifact(pipeline_build: Path, set_of_six: Photos, tmp_path: Path) -> None:
    (model,) = resolve([pipeline_build / "pipeline_fp32.tflite"], [], [CPU])
    (run,) = measured([model], set_of_six, tmp_path / "r.json", 1).runs
    crops = set_of_six.crops(model.manifest.recipe.input.height_width)
    with LitertCpu().open(model.path) as session:
        outputs = [session.predict({"image": crop[None].astype(np.float32)})["logits"] for crop in crops]
    assert list(run.outputs_sha256) == [hashlib.sha256(x.tobytes()).hexdigest() for x in outputs]
    kept = [(output.input, output.name, output.shape) for output in run.outputs]
    assert kept == [(index, "logits", (1, 10)) for index in (0, 1)]
    for output, x in zip(run.outputs, outputs, strict=False):
        assert base64.b64decode(output.values) == x.tobytes()


def test_a_module_is_fed_with_features_of_its_backbone(module_build: Path, set_of_six: Photos, tmp_path: Path) -> None:
    (model,) = resolve([module_build], ["fp32"], [CPU])
    (run,) = measured([model], set_of_six, tmp_path / "r.json", 1).runs
    inputs = TestSets(set_of_six, tmp_path).of(model)
    assert inputs.sha256 == run.inputs_sha256 == hashlib.sha256(inputs.path.read_bytes()).hexdigest()
    image, features = (int(np.prod(shape)) for shape in inputs.shapes.values())
    rows = np.fromfile(inputs.path, "<f4").reshape(6, image + features)
    assert rows[:, :image].max() > 100 and (rows[:, image:].std(axis=1) > 0).all()
    assert len(set(run.outputs_sha256)) == 6
    with pytest.raises(InputError, match=r"gone/0\.f32: cannot be written: No such file.*; TMPDIR may name a folder"):
        TestSets(set_of_six, tmp_path / "gone").of(model)


@pytest.mark.slow
def test_a_killed_run_loses_no_repetition(pipeline_build: Path, photos: Path, tmp_path: Path) -> None:
    path = tmp_path / RESULT_NAME
    words = ["host", pipeline_build, "--images", photos, "--out", tmp_path, "--cool-down", "0", "--repetitions", "4000"]
    command = [sys.executable, "-m", "mobile_robust.bench", *words]
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_until(lambda: path.exists() and len(read_result(path).runs[1].repetitions) > 2, process)
    kill(process)
    old = read_result(path)
    assert not old.complete
    there = len(old.runs[0].repetitions)
    shorter = old.model_copy(update={"protocol": quick(open_photos(photos), there + 1)})
    write_result(shorter, path)
    new = measured(resolve([pipeline_build], [], [CPU]), open_photos(photos), path, there + 1)
    assert new.complete and new.created == old.created
    for before, after in zip(old.runs, new.runs, strict=True):
        assert after.repetitions[: len(before.repetitions)] == before.repetitions
        assert [r.index for r in after.repetitions] == list(range(there + 1))
        assert (after.load_ns, after.outputs_sha256) == (before.load_ns, before.outputs_sha256)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d["protocol"].update(threads=2), r"another protocol \(threads: 2 against 1\)"),
        (lambda d: d["protocol"]["inputs"].update(sha256=digest("x")), "another protocol .inputs: 6 of SHA-256"),
        (lambda d: d["runs"][0].update(sha256=digest("x")), "an older pipeline_fp32.tflite, built anew since"),
        (lambda d: d["runs"].append({**d["runs"][0], "artifact": "y", "sha256": digest("y")}), "y, not asked for now"),
        (lambda d: d["runs"].pop(), "holds a result without pipeline_int8.tflite on litert_cpu"),
        (lambda d: d["runs"][0]["runtime"].update(version="1"), "holds a result of litert_cpu 1"),
        (lambda d: d["device"].update(name="other"), "another machine or program version"),
        (lambda d: d.update(schema_version=9), "schema version 9"),
    ],
)
def test_a_result_of_something_else_is_refused(
    pipeline_build: Path, set_of_six: Photos, tmp_path: Path, finished: Path, change, said: str
) -> None:
    document = json.loads(finished.read_text())
    change(document)
    path = tmp_path / "r.json"
    path.write_text(json.dumps(document))
    before = path.read_bytes()
    with pytest.raises(InputError, match=said):
        measure(resolve([pipeline_build], [], [CPU]), quick(set_of_six, 1), set_of_six, path, silent)
    assert path.read_bytes() == before


@pytest.fixture(scope="module")
def finished(pipeline_build: Path, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("finished") / "r.json"
    measured(resolve([pipeline_build], [], [CPU]), open_photos(photos), path, 1)
    return path


def test_a_finished_result_is_left_as_it_is(
    pipeline_build: Path, set_of_six: Photos, finished: Path, monkeypatch
) -> None:
    monkeypatch.setattr(host, "Worker", lambda *_: pytest.fail("nothing is left to be measured"))
    before = finished.read_text()
    measured(resolve([pipeline_build], [], [CPU]), set_of_six, finished, 1)
    assert finished.read_text() == before


def refuse_on_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """The GPU leaves one operation over."""

    def refuse(self: LitertGpu, artifact: Path, threads: int = 1) -> None:
        raise PlacementError("the GPU engine refuses BITWISE_XOR")

    monkeypatch.setattr(LitertGpu, "unavailable", lambda self: None)
    monkeypatch.setattr(LitertGpu, "open", refuse)


def test_a_fallback_is_an_error_and_no_number(
    pipeline_build: Path, set_of_six: Photos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = resolve([pipeline_build / "pipeline_fp32.tflite"], [], [CPU, GPU])
    refuse_on_gpu(monkeypatch)
    result = measured(both, set_of_six, tmp_path / "r.json")
    cpu, gpu = result.runs
    assert len(cpu.repetitions) == 2 and cpu.errors == ()
    assert gpu.repetitions == () and gpu.actual is None and gpu.requested == "gpu"
    assert (gpu.errors[0].where, "BITWISE_XOR" in gpu.errors[0].message) == ("load", True)
    assert result.complete


def test_a_process_that_dies_is_an_error_of_its_model_only(
    pipeline_build: Path, set_of_six: Photos, tmp_path: Path
) -> None:
    models = resolve([pipeline_build], [], [CPU])
    seen: list[str] = []

    def kill_the_first(what: str, done: int) -> None:
        seen.append(what)
        if seen.count("pipeline_fp32.tflite on litert_cpu") == 2 and what == "pipeline_fp32.tflite on litert_cpu":
            children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
            workers = [int(c) for c in children if b"bench.host.worker" in Path(f"/proc/{c}/cmdline").read_bytes()]
            os.kill(min(workers), signal.SIGKILL)

    result = measure(models, quick(set_of_six, 3), set_of_six, tmp_path / "r.json", kill_the_first)
    dead, alive = result.runs
    assert [r.index for r in dead.repetitions] == [0] and [r.index for r in alive.repetitions] == [0, 1, 2]
    (error,) = dead.errors
    assert error.where == "repetition 1" and "SIGKILL" in error.message
    again = measured(models, set_of_six, tmp_path / "r.json", 3)  # tried again, and the error is gone
    assert [len(run.repetitions) for run in again.runs] == [3, 3] and again.runs[0].errors == ()


@pytest.mark.slow
def test_the_gpu_engine(pipeline_build: Path, set_of_six: Photos, tmp_path: Path, require) -> None:
    require(LitertGpu())
    models = resolve([pipeline_build / "pipeline_fp32.tflite"], [], [CPU, GPU])
    cpu, gpu = measured(models, set_of_six, tmp_path / "r.json", 1).runs
    assert gpu.actual is not None and gpu.actual.placed_ops == gpu.actual.total_ops > 5
    assert (gpu.arithmetic, cpu.arithmetic) == ("fp32", None)
    assert gpu.actual.accelerator.startswith("gpu") and len(gpu.repetitions[0].samples_ns) == 6
    ours, theirs = (np.frombuffer(base64.b64decode(run.outputs[0].values), "<f4") for run in (gpu, cpu))
    assert np.allclose(ours, theirs, atol=1e-4 * np.ptp(theirs))


def test_core_ml_is_measured_per_compute_unit(
    pipeline_build: Path, set_of_six: Photos, core_ml: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With a stand-in for coremltools' prediction, in the processes of the models as well."""
    units = [runtimes()[name] for name in ("coreml_cpu", "coreml_npu", "coreml_device")]
    models = resolve([pipeline_build], [], units)
    core_ml.setenv(PLAN, "cpu")
    result = measured(models, set_of_six, tmp_path / "r.json")
    cpu, npu, whole = result.runs
    assert [run.requested for run in result.runs] == ["cpu", "npu", "all"]
    for run in (cpu, whole):
        assert [len(r.samples_ns) for r in run.repetitions] == [6, 6] and run.load_ns and run.errors == ()
        assert run.artifact == "pipeline_fp16.mlpackage" and run.outputs_sha256 == cpu.outputs_sha256
    assert cpu.actual and cpu.actual.accelerator == "cpu" and whole.actual and whole.actual.accelerator == "cpu 3"
    assert npu.repetitions == () and "the npu did not take 3 of 3 operations: " in npu.errors[0].message
