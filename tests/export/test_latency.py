"""What a module adds to the latency of its backbone is measured on files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mobile_robust.contracts.manifest import Manifest, read_manifest
from mobile_robust.errors import InputError
from mobile_robust.export import latency
from mobile_robust.export.latency import added_latency
from mobile_robust.pipelines import rebuild


def fp32(manifest: Manifest, folder: Path) -> Path:
    (file,) = [a.file for a in manifest.artifacts if (a.target, a.precision) == ("tflite", "fp32")]
    return folder / file


@pytest.mark.parametrize("build", ["module_build", "pipeline_build"])
def test_a_build_says_what_its_module_adds(request: pytest.FixtureRequest, build: str) -> None:
    """A module takes time; of a pipeline, the backbone's time is not the module's."""
    folder = request.getfixturevalue(build)
    measured = read_manifest(folder).overhead
    assert measured and measured.latency
    found = measured.latency
    assert 0 < found.low <= found.share <= found.high < 5
    assert 0.1 < found.backbone_ms < 1000


def test_the_share_is_the_median_beyond_the_backbone(pipeline_build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "take_turns", lambda *given: np.array([[150, 100], [160, 100], [900, 100]]) * 10_000)
    manifest = read_manifest(pipeline_build)
    model = rebuild(pipeline_build, manifest)
    found = added_latency(model, fp32(manifest, pipeline_build))
    assert found and found.share == pytest.approx(0.6) and found.backbone_ms == pytest.approx(1.0)
    assert (found.low, found.high) == (pytest.approx(0.5), pytest.approx(8.0))


def test_a_backbone_that_cannot_be_converted_has_none(pipeline_build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*given: object) -> None:
        raise InputError("no")

    before = sorted(pipeline_build.iterdir())
    monkeypatch.setattr(latency, "convert_tflite", refuse)
    manifest = read_manifest(pipeline_build)
    assert added_latency(rebuild(pipeline_build, manifest), fp32(manifest, pipeline_build)) is None
    assert sorted(pipeline_build.iterdir()) == before
