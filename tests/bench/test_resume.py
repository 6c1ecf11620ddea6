"""An earlier result is completed; what it says of its artifacts is what their manifests say."""

from __future__ import annotations

from pathlib import Path

from mobile_robust.bench.resume import resume
from tests.bench.fakes import result, run


def test_an_edited_description_is_not_kept() -> None:
    told = run("afd_resnet50").model_copy(update={"label": "untrained: latency only"})
    fresh = result((told.model_copy(update={"repetitions": ()}),))
    edited = told.model_copy(update={"label": None, "title": "better", "artifact": "other.tflite", "macs": 1})
    (got,) = resume(result((edited,)), fresh, Path("result.json")).runs
    assert got == told
