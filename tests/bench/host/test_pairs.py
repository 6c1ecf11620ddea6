"""Two models that take turns, inference by inference."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobile_robust.bench.host import session as host
from mobile_robust.bench.host.pairs import alternate
from mobile_robust.bench.host.session import measure
from mobile_robust.bench.inputs import Photos, TestSets, open_photos
from mobile_robust.bench.models import resolve
from mobile_robust.runtimes.process import Message
from mobile_robust.runtimes.registry import runtimes
from tests.bench.host.test_session import quick, silent

CPU = runtimes()["litert_cpu"]


@pytest.fixture
def set_of_six(photos: Path) -> Photos:
    return open_photos(photos)


def test_each_model_is_measured_beside_the_base_of_its_precision(
    module_build: Path, pipeline_build: Path, set_of_six: Photos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models, path = resolve([module_build, pipeline_build], ["fp32"], [CPU]), tmp_path / "r.json"
    result = measure(models, quick(set_of_six, 1), set_of_six, path, silent, 6, "pipeline")
    ours, base = result.runs
    assert base.pairs is None and ours.pairs is not None
    assert (ours.pairs.base, ours.pairs.base_sha256) == ("pipeline", base.sha256)
    assert ours.pairs.clock == "cpu" and len(ours.pairs.samples_ns) == 6 and min(map(min, ours.pairs.samples_ns)) > 1000
    monkeypatch.setattr(host, "alternate", lambda *arguments: Message("error", "broken"))
    again = measure(models, quick(set_of_six, 1), set_of_six, path, silent, 6, "pipeline")
    assert again.runs == result.runs, "what is there is not measured again"
    other = measure(models, quick(set_of_six, 1), set_of_six, path, silent, 7, "pipeline")
    (error,) = other.runs[0].errors
    assert (error.where, error.message) == ("in turn with pipeline_fp32.tflite", "broken")
    assert other.runs[0].repetitions == result.runs[0].repetitions


def test_a_file_that_cannot_run_is_an_error(pipeline_build: Path, set_of_six: Photos, tmp_path: Path) -> None:
    (model,) = resolve([pipeline_build], ["fp32"], [CPU])
    inputs = TestSets(set_of_six, tmp_path).of(model)
    (tmp_path / "broken.tflite").write_bytes(b"no model")
    paths = model.path, tmp_path / "broken.tflite"
    assert alternate(paths, (inputs, inputs), "litert_cpu", quick(set_of_six), 2).kind == "error"
