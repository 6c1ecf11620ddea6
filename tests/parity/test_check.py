"""One artifact against the reference: verdicts, placement, and files that are not what they should be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mobile_robust.contracts.manifest import read_manifest
from mobile_robust.contracts.recipe import Tolerance
from mobile_robust.errors import InputError
from mobile_robust.parity import check
from mobile_robust.parity.check import CHECKS, DEFAULT_CHECKS, answered_by, prove, require, select_checks
from mobile_robust.parity.reference import Reference, load_reference
from mobile_robust.runtimes.base import Arrays, EngineError, PlacementError, Runtime, Session

EXACT = Tolerance(max_error=1e-5)


@pytest.fixture(scope="module")
def reference(module_build: Path) -> Reference:
    return load_reference(module_build / read_manifest(module_build).reference.file, 1.0)


def prove_one(artifact: Path, reference: Reference, tolerance: Tolerance = EXACT, name: str = "litert_cpu"):
    results, samples = prove(artifact, CHECKS[name], tolerance, reference, [name])
    (result,) = results
    return result, samples


@pytest.mark.parametrize(
    ("name", "file"), [("litert_cpu", "small_fp32.tflite"), ("coreml_mil", "small_fp32.mlpackage")]
)
def test_an_equal_file_passes(module_build: Path, reference: Reference, name: str, file: str) -> None:
    result, samples = prove_one(module_build / file, reference, name=name)
    assert (result.runtime, result.verdict, result.failures) == (name, "pass", ())
    metrics = result.metrics["repaired"]
    assert metrics.max_error < 1e-5 and metrics.top1_agreement is None and result.seconds > 0
    assert samples[name].max() <= metrics.max_error * 1.01 and len(samples[name]) >= check.ERROR_SAMPLES


def test_the_pipeline_is_judged_as_a_classifier(pipeline_build: Path) -> None:
    scores = load_reference(pipeline_build / "reference.safetensors", 1.0)
    result, _ = prove_one(pipeline_build / "pipeline_int8.tflite", scores, Tolerance(top1_agreement=0.97))
    metrics = result.metrics["logits"]
    assert metrics.top1_agreement == 1.0 and 0 <= metrics.max_probability_error < 1


def test_a_missed_tolerance_says_where_and_what_would_pass(module_build: Path, reference: Reference) -> None:
    path = module_build / "small_fp16.tflite"
    result, _ = prove_one(path, reference, Tolerance(max_error=1e-9))
    assert result.verdict == "fail"
    (sentence,) = result.failures
    metrics = result.metrics["repaired"]
    image, *place = metrics.worst_index
    expected = reference.expected[(image, *place)]
    assert metrics.worst_expected == pytest.approx(expected) and str(list(metrics.worst_index)) in sentence
    hint = float(sentence.split("max_error = ")[1].split()[0])
    assert prove_one(path, reference, Tolerance(max_error=hint))[0].verdict == "pass"
    assert prove_one(path, reference, Tolerance(max_error=hint / 1.2))[0].verdict == "fail"


def test_checks_of_the_other_target_are_left_out(module_build: Path, reference: Reference) -> None:
    seen: list[str] = []
    results, _ = prove(
        module_build / "small_fp32.tflite", "tflite", EXACT, reference, ["coreml_mil", "gpu_delegate_ops"], seen.append
    )
    assert [r.runtime for r in results] == ["gpu_delegate_ops"]
    assert seen == ["small_fp32.tflite on gpu_delegate_ops"]


class Fake(Runtime):
    """Refuses, or answers with what the test wants."""

    name, target = "litert_cpu", "tflite"
    reason: str | None = None
    answer: Arrays | Exception = PlacementError("no")

    def unavailable(self) -> str | None:
        return self.reason

    def open(self, artifact: Path) -> Session:
        if isinstance(self.answer, PlacementError):
            raise self.answer
        return FakeSession(self.answer)


class FakeSession(Session):
    closed = 0

    def __init__(self, answer: Arrays) -> None:
        self.answer = answer

    def run(self, inputs: Arrays) -> Arrays:
        return self.answer

    def close(self) -> None:
        FakeSession.closed += 1


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch):
    def install(**attributes: object) -> None:
        monkeypatch.setitem(check.RUNTIMES, "litert_cpu", type("Faked", (Fake,), attributes))

    return install


def test_an_absent_runtime_is_skipped_with_its_reason(fake, reference: Reference) -> None:
    fake(reason="no driver")
    result, samples = prove_one(Path("a.tflite"), reference)
    assert (result.verdict, result.reason, samples) == ("skipped", "no driver", {})
    with pytest.raises(InputError, match="--runtime litert_cpu: not available on this machine: no driver"):
        require(["litert_cpu"])


def test_an_engine_that_dies_fails(monkeypatch: pytest.MonkeyPatch, fake, reference: Reference) -> None:
    def die(self: Session, inputs: Arrays) -> Arrays:
        raise EngineError("the engine's process crashed")

    monkeypatch.setattr(FakeSession, "run", die)
    fake(answer={})
    result, _ = prove_one(Path("a.tflite"), reference)
    assert (result.verdict, result.failures) == ("fail", ("the engine's process crashed",))
    with pytest.raises(InputError, match="--against litert_cpu: the engine's process crashed"):
        answered_by("litert_cpu", Path("a.tflite"), reference)


def test_another_runtime_in_the_place_of_pytorch(module_build: Path, reference: Reference) -> None:
    path = module_build / "small_fp16.tflite"
    here = answered_by("litert_cpu", path, reference)
    assert len(here) == len(reference) and here.arrays is reference.arrays
    result, _ = prove_one(path, here, EXACT)
    assert result.verdict == "pass" and result.metrics["repaired"].max_error == 0
    assert prove_one(path, reference, EXACT)[0].verdict == "fail"


def test_a_refused_operation_fails(fake, reference: Reference) -> None:
    fake(answer=PlacementError("the GPU engine refuses XOR", ("XOR",)))
    result, _ = prove_one(Path("a.tflite"), reference)
    assert (result.verdict, result.failures) == ("fail", ("the GPU engine refuses XOR",))


def test_a_nan_fails_and_the_session_is_closed(fake, reference: Reference) -> None:
    FakeSession.closed = 0
    fake(answer={"repaired": np.full((1, 32, 32, 32), np.nan, np.float32)})
    result, _ = prove_one(Path("a.tflite"), reference)
    assert result.verdict == "fail" and "not finite" in result.failures[0]
    assert FakeSession.closed == 1


@pytest.mark.parametrize("answer", [{"other": np.zeros((1, 8, 8, 32))}, {"repaired": np.zeros((1, 1, 1, 32))}])
def test_another_output_is_a_foreign_file(fake, reference: Reference, answer: Arrays) -> None:
    fake(answer={name: x.astype(np.float32) for name, x in answer.items()})
    with pytest.raises(InputError, match=r"a\.tflite: .*repaired"):
        prove_one(Path("a.tflite"), reference)


@pytest.mark.parametrize("name", ["litert_cpu", "litert_gpu", "gpu_delegate_ops"])
@pytest.mark.parametrize("content", [b"", b"hello, I am no model", None])
def test_truncated_and_foreign_tflite_files_are_refused(
    module_build: Path, tmp_path: Path, reference: Reference, name: str, content: bytes | None
) -> None:
    if name in check.RUNTIMES and check.RUNTIMES[name]().unavailable():
        pytest.skip("not on this machine")
    path = tmp_path / "a.tflite"
    path.write_bytes((module_build / "small_fp32.tflite").read_bytes()[:50_000] if content is None else content)
    with pytest.raises(InputError, match=r"a\.tflite: not a TFLite file"):
        prove_one(path, reference, name=name)


def test_a_file_of_other_inputs_is_refused(pipeline_build: Path, reference: Reference) -> None:
    with pytest.raises(InputError, match=r"pipeline_fp32\.tflite: "):
        prove_one(pipeline_build / "pipeline_fp32.tflite", reference)
    with pytest.raises(InputError, match=r"pipeline_fp16\.mlpackage: "):
        prove_one(pipeline_build / "pipeline_fp16.mlpackage", reference, name="coreml_mil")


def test_names_are_checked() -> None:
    assert select_checks(None) == DEFAULT_CHECKS and set(CHECKS) - set(DEFAULT_CHECKS) == {
        "litert_arm64",
        "litert_armv9",
    }
    assert select_checks(["litert_gpu", "litert_cpu"]) == ["litert_gpu", "litert_cpu"]
    with pytest.raises(InputError, match="unknown runtime 'litert'; known: coreml_device, coreml_mil, "):
        select_checks(["litert_cpu", "litert"])
