"""One artifact against the reference: verdicts, placement, and files that are not what they should be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mobile_robust.contracts.manifest import read_manifest
from mobile_robust.contracts.recipe import ParitySection, Tolerance
from mobile_robust.errors import InputError
from mobile_robust.parity.check import ERROR_IMAGES, ERROR_SAMPLES, check, computed_by
from mobile_robust.parity.reference import Reference, load_reference
from mobile_robust.runtimes.base import Arrays, EngineError, PlacementError, Session
from mobile_robust.runtimes.litert_cpu import LitertCpu
from mobile_robust.runtimes.registry import checks
from mobile_robust.tflite import file as tflite_file

EXACT = Tolerance(max_error=1e-5)


@pytest.fixture(scope="module")
def reference(module_build: Path) -> Reference:
    return load_reference(module_build, read_manifest(module_build))


def check_one(
    path: Path, reference: Reference, tolerance: Tolerance = EXACT, name: str = "litert_cpu", images: int | None = None
):
    manifest = read_manifest(path.parent)
    (artifact,) = [artifact for artifact in manifest.artifacts if artifact.file == path.name]
    changes = {"tolerances": {artifact.precision: tolerance}, "parity": ParitySection(images=images)}
    recipe = manifest.recipe.model_copy(update=changes)
    (result,), samples = check(path.parent, artifact, recipe, reference, [checks()[name]])
    return result, samples


@pytest.mark.parametrize(
    ("name", "file"), [("litert_cpu", "small_fp32.tflite"), ("coreml_mil", "small_fp32.mlpackage")]
)
def test_an_equal_file_passes(module_build: Path, reference: Reference, name: str, file: str) -> None:
    result, samples = check_one(module_build / file, reference, name=name)
    assert (result.runtime, result.verdict, result.failures) == (name, "pass", ())
    metrics = result.metrics["repaired"]
    assert metrics.max_error < 1e-5 and metrics.top1_agreement is None and result.seconds > 0
    assert samples[name].max() <= metrics.max_error * 1.01 and len(samples[name]) >= ERROR_SAMPLES


def test_the_pipeline_is_compared_as_a_classifier(pipeline_build: Path) -> None:
    scores = load_reference(pipeline_build, read_manifest(pipeline_build))
    result, _ = check_one(pipeline_build / "pipeline_int8.tflite", scores, Tolerance(top1_agreement=0.97))
    metrics = result.metrics["logits"]
    assert metrics.top1_agreement == 1.0 and 0 <= metrics.max_probability_error < 1


def test_a_missed_tolerance_says_where_and_what_would_pass(module_build: Path, reference: Reference) -> None:
    path = module_build / "small_fp16.tflite"
    result, _ = check_one(path, reference, Tolerance(max_error=1e-9))
    assert result.verdict == "fail"
    (sentence,) = result.failures
    metrics = result.metrics["repaired"]
    image, *place = metrics.worst_index
    expected = reference.expected[(image, *place)]
    assert metrics.worst_expected == pytest.approx(expected) and str(list(metrics.worst_index)) in sentence
    hint = float(sentence.split("max_error = ")[1].split()[0])
    assert check_one(path, reference, Tolerance(max_error=hint))[0].verdict == "pass"
    assert check_one(path, reference, Tolerance(max_error=hint / 1.2))[0].verdict == "fail"


class FakeSession(Session):
    """Outputs what the test wants, or fails with it."""

    closed = 0

    def __init__(self, outputs: Arrays | EngineError) -> None:
        self.outputs = outputs

    def write(self, inputs: Arrays) -> None:
        pass

    def run(self) -> None:
        if isinstance(self.outputs, EngineError):
            raise self.outputs

    def read(self) -> Arrays:
        return self.outputs

    def close(self) -> None:
        FakeSession.closed += 1


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch):
    """LiteRT on the CPU refuses the file, fails on it, or outputs what the test wants."""

    def install(outputs: Arrays | EngineError | PlacementError) -> None:
        def open_fake(self: LitertCpu, artifact: Path, threads: int = 1) -> Session:
            if isinstance(outputs, PlacementError):
                raise outputs
            return FakeSession(outputs)

        monkeypatch.setattr(FakeSession, "closed", 0)
        monkeypatch.setattr(LitertCpu, "open", open_fake)

    return install


@pytest.fixture(scope="module")
def fp32(module_build: Path) -> Path:
    return module_build / "small_fp32.tflite"


def test_an_absent_runtime_is_skipped_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, fp32: Path, reference: Reference
) -> None:
    monkeypatch.setattr(LitertCpu, "unavailable", lambda self: "no driver")
    result, samples = check_one(fp32, reference)
    assert (result.verdict, result.reason, result.images, samples) == ("skipped", "no driver", None, {})


@pytest.mark.parametrize("error", [PlacementError("the GPU engine refuses XOR"), EngineError("the engine crashed")])
def test_a_refused_operation_and_an_engine_that_dies_fail(
    fake, module_build: Path, fp32: Path, reference: Reference, error: Exception
) -> None:
    fake(error)
    result, _ = check_one(fp32, reference)
    assert (result.verdict, result.failures) == ("fail", (str(error),))
    with pytest.raises(InputError, match=f"--against litert_cpu: {error}"):
        computed_by(checks()["litert_cpu"], module_build, read_manifest(module_build).artifacts[0], reference)


def test_a_nan_fails_and_the_session_is_closed(fake, fp32: Path, reference: Reference) -> None:
    fake({"repaired": np.full((1, 32, 32, 32), np.nan, np.float32)})
    result, _ = check_one(fp32, reference)
    assert result.verdict == "fail" and "not finite" in result.failures[0]
    assert FakeSession.closed == 1


@pytest.mark.parametrize("outputs", [{"other": np.zeros((1, 8, 8, 32))}, {"repaired": np.zeros((1, 1, 1, 32))}])
def test_another_output_is_a_foreign_file(fake, fp32: Path, reference: Reference, outputs: Arrays) -> None:
    fake(outputs)
    with pytest.raises(InputError, match=r"small_fp32\.tflite: .*repaired"):
        check_one(fp32, reference)


@pytest.mark.slow
def test_a_tflite_file_is_read_once(monkeypatch: pytest.MonkeyPatch, module_build: Path, reference: Reference) -> None:
    read: list[Path] = []
    unpack = tflite_file._unpack
    monkeypatch.setattr(tflite_file, "_unpack", lambda path, *rest: read.append(path) or unpack(path, *rest))
    manifest = read_manifest(module_build)
    check(module_build, manifest.artifacts[0], manifest.recipe, reference, checks().values())
    ours = [path for path in read if path.parent == module_build]  # the NPU reads what it compiled
    assert ours == [module_build / "small_fp32.tflite"]


def test_how_many_images_were_compared(fp32: Path, reference: Reference) -> None:
    """Few for a bound on the error, unless the recipe says how many; all of them for a bound on agreement."""
    many = replace(
        reference,
        arrays={name: np.concatenate([x] * 3) for name, x in reference.arrays.items()},
        expected=np.concatenate([reference.expected] * 3),
    )
    assert len(many) == 6 > ERROR_IMAGES
    assert [check_one(fp32, many, images=images)[0].images for images in (None, 6)] == [ERROR_IMAGES, 6]
    agreement = check_one(fp32, many, Tolerance(top1_agreement=0.5))[0]
    assert agreement.images == 6  # with a quick runtime; with others as many as the recipe wants
    package = fp32.with_name("small_fp32.mlpackage")
    assert check_one(package, many, Tolerance(top1_agreement=0.5), "coreml_mil")[0].images == 4
    assert check_one(fp32, reference, name="gpu_delegate_ops")[0].images is None


def test_a_file_of_other_inputs_is_refused(pipeline_build: Path, reference: Reference) -> None:
    with pytest.raises(InputError, match=r"pipeline_fp32\.tflite: "):
        check_one(pipeline_build / "pipeline_fp32.tflite", reference)
    with pytest.raises(InputError, match=r"pipeline_fp16\.mlpackage: "):
        check_one(pipeline_build / "pipeline_fp16.mlpackage", reference, name="coreml_mil")
