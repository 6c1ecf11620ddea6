"""Parity on a device: its outputs against PyTorch, and where they differ."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from mobile_robust.bench.android.platform import ANDROID
from mobile_robust.bench.device import parity
from mobile_robust.bench.device.outputs import StoredOutputs
from mobile_robust.bench.device.parity import ParityCheck, ParityChecker
from mobile_robust.bench.device.plan import MeasurementPlan, choose_models
from mobile_robust.bench.device.table import print_parity
from mobile_robust.bench.device.transport import DeviceRuntime, Platform
from mobile_robust.bench.inputs import TestSets, open_photos
from mobile_robust.bench.models import Model
from mobile_robust.contracts.job import JobTensor
from mobile_robust.contracts.recipe import Tolerance
from mobile_robust.contracts.result import Result, Run
from mobile_robust.runtimes.registry import runtimes
from tests.bench.device.harness import outputs_of
from tests.bench.fakes import result

Floats = np.ndarray


def outputs_on_host(model: Model, inputs: Path) -> Floats:
    """Of the file on this computer, a row a photo."""
    rows = np.fromfile(inputs, "<f4").reshape(6, -1)
    return outputs_of(model.path, model.artifact.inputs, model.artifact.outputs, rows)


def results(*runs: Run) -> Result:
    """Also of runs over less than the whole test set."""
    return result(()).model_copy(update={"runs": runs})


def with_tolerance(model: Model, tolerance: Tolerance) -> Model:
    recipe = model.manifest.recipe.model_copy(update={"tolerances": {"int8": tolerance}})
    return replace(model, manifest=model.manifest.model_copy(update={"recipe": recipe}))


@pytest.fixture
def check_parity(plan: MeasurementPlan, photos: Path, tmp_path: Path) -> Callable[..., list[ParityCheck]]:
    """Checks models whose outputs are stored as if a device had sent them."""

    def checks(models: Sequence[Model], *outputs: Sequence[Floats], platform: Platform = ANDROID) -> list[ParityCheck]:
        stored, loaded = StoredOutputs(tmp_path), []
        runs = replace(plan, models=models, platform=platform).runs()
        for model, run, values in zip(models, runs, outputs, strict=True):
            data = [x.astype("<f4").tobytes() for x in values]
            digests = tuple(hashlib.sha256(x).hexdigest() for x in data)
            loaded.append(run.model_copy(update={"load_ns": 1, "outputs_sha256": digests}))
            tensors = [JobTensor(name=t.name, shape=t.shape) for t in model.artifact.outputs]
            assert stored.store(loaded[-1], tensors, len(data), lambda data=data: b"".join(data))
        return ParityChecker(models, open_photos(photos)).check(results(*loaded), stored)

    return checks


@pytest.fixture(scope="module")
def right(plan: MeasurementPlan) -> list[Floats]:
    """The outputs of both files to all photos."""
    return [outputs_on_host(model, inputs.path) for model, inputs in zip(plan.models, plan.inputs, strict=True)]


def test_right_outputs_pass_and_wrong_ones_say_where(plan: MeasurementPlan, right: list[Floats], check_parity) -> None:
    fp32, int8 = check_parity(plan.models, *right)
    assert [check.verdict.verdict for check in (fp32, int8)] == ["pass", "pass"] and fp32.photos == 6
    assert 0 < fp32.verdict.metrics["logits"].max_error < 1e-5
    assert int8.verdict.tolerance == plan.models[1].manifest.recipe.tolerance("int8")
    wrong = [x.copy() for x in right[0][:3]]
    wrong[2][7] += 0.5
    (check,) = check_parity(plan.models[:1], wrong)
    assert (check.verdict.verdict, check.photos) == ("fail", 3)
    (sentence,) = check.verdict.failures
    assert "output logits: worst at index [2, 7]: expected" in sentence and "would have passed" in sentence
    wrong[1][0] = np.nan
    (check,) = check_parity(plan.models[:1], wrong)
    assert "not finite at 1 of 30 places, first at index [1, 0]" in check.verdict.failures[0]


def test_top_1_is_asked_as_often_as_this_computer_manages(
    plan: MeasurementPlan, right: list[Floats], check_parity, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = with_tolerance(plan.models[1], Tolerance(top1_agreement=1.0))
    made = parity.make_reference

    def disagreeing(*arguments: object) -> object:
        """PyTorch finds another class in the first photo than the file does, on whatever machine."""
        reference = made(*arguments)
        expected = right[1].copy()
        expected[0] = -expected[0]
        return replace(reference, expected=expected)

    monkeypatch.setattr(parity, "make_reference", disagreeing)
    (same,) = check_parity([model], right[1])
    assert same.verdict.verdict == "pass" and same.verdict.tolerance.top1_agreement == pytest.approx(5 / 6, abs=0.01)
    worse = [right[1][0], -right[1][1], *right[1][2:]]
    (check,) = check_parity([model], worse)
    assert check.verdict.verdict == "fail" and "top-1 agrees on 66.67%" in check.verdict.failures[0]


def test_an_int8_file_is_held_to_what_the_host_reaches(
    plan: MeasurementPlan, right: list[Floats], check_parity
) -> None:
    model = with_tolerance(plan.models[1], Tolerance(snr_db=90.0))
    (same,) = check_parity([model], right[1])
    bound, reached = same.verdict.tolerance.snr_db, same.verdict.metrics["logits"].snr_db
    assert same.verdict.verdict == "pass" and bound < 90 and bound == pytest.approx(reached - 0.5, abs=0.01)
    noise = np.random.default_rng(0)
    (worse,) = check_parity([model], [x + noise.normal(0, x.std(), x.shape) for x in right[1]])
    assert worse.verdict.verdict == "fail" and "SNR" in worse.verdict.failures[0]


def test_a_package_is_held_to_what_its_operations_reach_in_pytorch(
    pipeline_build: Path, photos: Path, tmp_path: Path, check_parity
) -> None:
    core_ml = Platform(
        "ios", (DeviceRuntime("coreml_cpu", "cpu", "system", ".mlpackage", target="coreml"),), 1, lambda _: []
    )
    (model,) = choose_models(core_ml, [pipeline_build], [], ["cpu"])
    recipe = model.manifest.recipe.model_copy(update={"tolerances": {"fp16": Tolerance(snr_db=120.0)}})
    model = replace(model, manifest=model.manifest.model_copy(update={"recipe": recipe}))
    inputs = TestSets(open_photos(photos), tmp_path).of(model)
    rows = np.fromfile(inputs.path, "<f4").reshape(6, 1, 3, 64, 64)
    with runtimes()["coreml_mil"].make().open(model.path) as session:
        right = [session.predict({"image": row})["logits"].ravel() for row in rows]
    (check,) = check_parity([model], right, platform=core_ml)
    assert check.verdict.verdict == "pass" and check.verdict.runtime == "coreml_cpu"
    assert check.verdict.tolerance.snr_db < 120
    (check,) = check_parity([model], [x + 0.5 for x in right], platform=core_ml)
    assert check.verdict.verdict == "fail"


def test_a_module_is_compared_channels_first(module_build: Path, photos: Path, tmp_path: Path, check_parity) -> None:
    (model,) = choose_models(ANDROID, [module_build], ["fp32"], ["cpu"])
    inputs = TestSets(open_photos(photos), tmp_path).of(model)
    right = outputs_on_host(model, inputs.path)[:2]
    (check,) = check_parity([model], right)
    (metrics,) = check.verdict.metrics.values()
    assert check.verdict.verdict == "pass" and len(metrics.worst_index) == 4 and metrics.repair_snr_db is not None
    (_, height, width, channels) = model.artifact.outputs[0].shape
    right[1].reshape(height, width, channels)[5, 3, 2] += 100
    (check,) = check_parity([model], right)
    (metrics,) = check.verdict.metrics.values()
    assert check.verdict.verdict == "fail" and metrics.worst_index == (1, 2, 5, 3)


def test_outputs_with_wrong_checksums_are_not_stored(plan: MeasurementPlan, tmp_path: Path, photos: Path) -> None:
    (run, _), model = plan.runs(), plan.models[0]
    good = np.arange(10, dtype="<f4").tobytes()
    run = run.model_copy(update={"load_ns": 1, "outputs_sha256": (hashlib.sha256(good).hexdigest(),) * 6})
    tensors, stored = [JobTensor(name="logits", shape=(1, 10))], StoredOutputs(tmp_path)
    for bad in (None, b"", good, good * 3, good + good[:-1], good * 2 + b"?"):
        asked: list[int] = []
        assert not stored.store(run, tensors, 2, lambda bad=bad, asked=asked: asked.append(1) or bad)
        assert len(asked) == 3 and not stored.has(run)
    (check,) = ParityChecker([model], open_photos(photos)).check(results(run), stored)
    assert check.verdict.verdict == "fail" and "nothing was compared" in check.verdict.failures[0]
    late = iter([good, good * 2])
    assert stored.store(run, tensors, 2, lambda: next(late)) and stored.has(run)


def test_a_run_that_was_never_loaded_has_nothing_to_prove(plan: MeasurementPlan, photos: Path, tmp_path: Path) -> None:
    assert ParityChecker(plan.models, open_photos(photos)).check(results(*plan.runs()), StoredOutputs(tmp_path)) == []


def test_the_table_says_error_tolerance_and_verdict(plan: MeasurementPlan, right: list[Floats], check_parity) -> None:
    checks = check_parity(plan.models, right[0], [x + 9 for x in right[1]])
    text = io.StringIO()
    print_parity(checks, Console(file=text, width=120))
    lines = text.getvalue().splitlines()
    assert any("pipeline_fp32.tflite  tflite_cpu" in line and "≤ 1e-05" in line and "✓ pass" in line for line in lines)
    assert any("pipeline_int8.tflite  tflite_cpu" in line and "✗ fail" in line for line in lines)
    assert any(line.startswith("pipeline_int8.tflite on tflite_cpu: output logits: worst at") for line in lines)
