"""Verifying a build from Python."""

from __future__ import annotations

from pathlib import Path

from mobile_robust.contracts.manifest import ParityResult, read_manifest
from mobile_robust.parity.verify import plan, verify, walk_failing


def test_a_build_is_verified_again(module_build: Path) -> None:
    steps: list[str] = []
    found = verify(module_build, ["litert_cpu", "gpu_delegate_ops"], images=1, on_step=steps.append)
    assert found.passed and found.against is None and found.folder == module_build
    artifacts = [artifact for artifact in found.manifest.artifacts if artifact.target == "tflite"]
    assert [[(r.runtime, r.images) for r in a.parity] for a in artifacts] == [
        [("litert_cpu", 1), ("gpu_delegate_ops", None)]
    ] * len(artifacts)
    assert steps[:2] == ["small_fp32.tflite on litert_cpu", "small_fp32.tflite on gpu_delegate_ops"]
    assert len(steps) == plan(module_build, ["litert_cpu", "gpu_delegate_ops"]).steps == 2 * len(artifacts)
    assert walk_failing(found) == {}


def test_the_build_and_its_numbers_are_left_as_they_are(module_build: Path) -> None:
    before = read_manifest(module_build)
    found = verify(module_build, ["litert_cpu"])
    assert read_manifest(module_build) == before
    for old, new in zip(before.artifacts, found.manifest.artifacts, strict=True):
        metrics = {result.runtime: numbers(result) for result in old.parity}
        assert all(numbers(result) == metrics[result.runtime] for result in new.parity)


def numbers(result: ParityResult) -> dict[str, dict[str, object]]:
    """Without the cosine, whose last digits depend on the number of threads."""
    return {name: metrics.model_dump(exclude={"cosine"}) for name, metrics in result.metrics.items()}
