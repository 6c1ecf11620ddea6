"""Parity on the phone: its answers against PyTorch, and where they differ."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from mobile_robust.bench.device import parity
from mobile_robust.bench.device.outputs import Answers
from mobile_robust.bench.device.parity import Proof, Prover, print_proofs
from mobile_robust.bench.device.task import Task, choose_models
from mobile_robust.bench.inputs import TestSets, open_photos
from mobile_robust.bench.models import Model
from mobile_robust.contracts.job import JobTensor
from mobile_robust.contracts.recipe import Tolerance
from mobile_robust.contracts.result import Result, Run
from mobile_robust.runtimes.litert_cpu import LitertCpu
from tests.bench.fakes import result

Floats = np.ndarray


def answered(model: Model, rows: Floats) -> list[Floats]:
    """What the file says on this computer to the rows of a test set."""
    session, outputs = LitertCpu().open(model.path), []
    for row in rows:
        arrays, start = {}, 0
        for tensor in model.artifact.inputs:
            stop = start + int(np.prod(tensor.shape))
            arrays[tensor.name] = row[start:stop].reshape(tensor.shape)
            start = stop
        outputs.append(np.concatenate([session.predict(arrays)[t.name].ravel() for t in model.artifact.outputs]))
    session.close()
    return outputs


def results(*runs: Run) -> Result:
    """Also of runs that answered less than the whole test set."""
    return result(()).model_copy(update={"runs": runs})


def phone_says(model: Model, run: Run, folder: Path, outputs: Sequence[Floats]) -> Run:
    """The run with these answers, which are kept as if a phone had sent them."""
    data = [x.astype("<f4").tobytes() for x in outputs]
    digests = tuple(hashlib.sha256(x).hexdigest() for x in data)
    loaded = run.model_copy(update={"load_ns": 1, "outputs_sha256": digests})
    tensors = [JobTensor(name=t.name, shape=t.shape) for t in model.artifact.outputs]
    assert Answers(folder).keep(loaded, tensors, len(data), lambda: b"".join(data))
    return loaded


@pytest.fixture
def prove(task: Task, photos: Path, tmp_path: Path) -> Callable[..., list[Proof]]:
    def proofs(models: Sequence[Model], *outputs: Sequence[Floats]) -> list[Proof]:
        runs = replace(task, models=models).runs()
        said = [phone_says(m, run, tmp_path, x) for m, run, x in zip(models, runs, outputs, strict=True)]
        return Prover(models, open_photos(photos)).prove(results(*said), Answers(tmp_path))

    return proofs


@pytest.fixture(scope="module")
def right(task: Task) -> list[list[Floats]]:
    """The answers of both files to all photos."""
    sets = [np.fromfile(s.path, "<f4").reshape(6, -1) for s in task.inputs]
    return [answered(model, rows) for model, rows in zip(task.models, sets, strict=True)]


def test_right_answers_pass_and_wrong_ones_say_where(task: Task, right: list[list[Floats]], prove) -> None:
    fp32, int8 = prove(task.models, *right)
    assert [proof.verdict.verdict for proof in (fp32, int8)] == ["pass", "pass"] and fp32.photos == 6
    assert 0 < fp32.verdict.metrics["logits"].max_error < 1e-5
    assert int8.verdict.tolerance == task.models[1].manifest.recipe.tolerance("int8")
    wrong = [x.copy() for x in right[0][:3]]
    wrong[2][7] += 0.5
    (proof,) = prove(task.models[:1], wrong)
    assert (proof.verdict.verdict, proof.photos) == ("fail", 3)
    (sentence,) = proof.verdict.failures
    assert "output logits: worst at index [2, 7]: expected" in sentence and "would have passed" in sentence
    wrong[1][0] = np.nan
    (proof,) = prove(task.models[:1], wrong)
    assert "not finite at 1 of 30 places, first at index [1, 0]" in proof.verdict.failures[0]


def test_top_1_is_asked_as_often_as_this_computer_manages(
    task: Task, right: list[list[Floats]], prove, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = task.models[1]
    strict = model.manifest.recipe.model_copy(update={"tolerances": {"int8": Tolerance(top1_agreement=1.0)}})
    model = replace(model, manifest=model.manifest.model_copy(update={"recipe": strict}))
    made = parity.make_reference

    def disagreeing(*arguments: object) -> object:
        """PyTorch finds another class in the first photo than the file does, on whatever machine."""
        reference = made(*arguments)
        expected = np.array([x for x in right[1]])
        expected[0] = -expected[0]
        return replace(reference, expected=expected)

    monkeypatch.setattr(parity, "make_reference", disagreeing)
    (same,) = prove([model], right[1])
    assert same.verdict.verdict == "pass" and same.verdict.tolerance.top1_agreement == pytest.approx(5 / 6, abs=0.01)
    worse = [right[1][0], -right[1][1], *right[1][2:]]
    (proof,) = prove([model], worse)
    assert proof.verdict.verdict == "fail" and "top-1 agrees on 66.67%" in proof.verdict.failures[0]


def test_an_int8_file_is_asked_for_what_this_computer_reaches(task: Task, right: list[list[Floats]], prove) -> None:
    model = task.models[1]
    strict = model.manifest.recipe.model_copy(update={"tolerances": {"int8": Tolerance(snr_db=90.0)}})
    model = replace(model, manifest=model.manifest.model_copy(update={"recipe": strict}))
    (same,) = prove([model], right[1])
    bound, reached = same.verdict.tolerance.snr_db, same.verdict.metrics["logits"].snr_db
    assert same.verdict.verdict == "pass" and bound < 90 and bound == pytest.approx(reached - 0.5, abs=0.01)
    noise = np.random.default_rng(0)
    (worse,) = prove([model], [x + noise.normal(0, x.std(), x.shape) for x in right[1]])
    assert worse.verdict.verdict == "fail" and "SNR" in worse.verdict.failures[0]


def test_a_module_is_compared_channels_first(module_build: Path, photos: Path, tmp_path: Path, prove) -> None:
    (model,) = choose_models([module_build], ["fp32"], ["cpu"])
    inputs = TestSets(open_photos(photos), tmp_path).of(model)
    rows = np.fromfile(inputs.path, "<f4").reshape(6, -1)[:2]
    right = answered(model, rows)
    (proof,) = prove([model], right)
    (metrics,) = proof.verdict.metrics.values()
    assert proof.verdict.verdict == "pass" and len(metrics.worst_index) == 4 and metrics.repair_snr_db is not None
    (_, height, width, channels) = model.artifact.outputs[0].shape
    right[1].reshape(height, width, channels)[5, 3, 2] += 100
    (proof,) = prove([model], right)
    (metrics,) = proof.verdict.metrics.values()
    assert proof.verdict.verdict == "fail" and metrics.worst_index == (1, 2, 5, 3)


def test_answers_that_do_not_fit_their_checksums_are_not_kept(task: Task, tmp_path: Path, photos: Path) -> None:
    (run, _), model = task.runs(), task.models[0]
    good = np.arange(10, dtype="<f4").tobytes()
    run = run.model_copy(update={"load_ns": 1, "outputs_sha256": (hashlib.sha256(good).hexdigest(),) * 6})
    tensors, answers = [JobTensor(name="logits", shape=(1, 10))], Answers(tmp_path)
    for bad in (None, b"", good, good * 3, good + good[:-1], good * 2 + b"?"):
        asked: list[int] = []
        assert not answers.keep(run, tensors, 2, lambda bad=bad, asked=asked: asked.append(1) or bad)
        assert len(asked) == 3 and not answers.there(run)
    (proof,) = Prover([model], open_photos(photos)).prove(results(run), answers)
    assert proof.verdict.verdict == "fail" and "nothing is proven" in proof.verdict.failures[0]
    late = iter([good, good * 2])
    assert answers.keep(run, tensors, 2, lambda: next(late)) and answers.there(run)


def test_a_run_that_was_never_loaded_has_nothing_to_prove(task: Task, photos: Path, tmp_path: Path) -> None:
    assert Prover(task.models, open_photos(photos)).prove(results(*task.runs()), Answers(tmp_path)) == []


def test_the_table_says_error_tolerance_and_verdict(task: Task, right: list[list[Floats]], prove) -> None:
    proofs = prove(task.models, right[0], [x + 9 for x in right[1]])
    text = io.StringIO()
    print_proofs(proofs, Console(file=text, width=120))
    lines = text.getvalue().splitlines()
    assert any("pipeline_fp32.tflite  tflite_cpu" in line and "≤ 1e-05" in line and "✓ pass" in line for line in lines)
    assert any("pipeline_int8.tflite  tflite_cpu" in line and "✗ fail" in line for line in lines)
    assert any(line.startswith("pipeline_int8.tflite on tflite_cpu: output logits: worst at") for line in lines)
