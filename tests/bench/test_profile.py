"""LiteRT's own profiler on a real file: every operation, its time, its multiply-accumulates."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console

from mobile_robust.bench import profile as profiling
from mobile_robust.bench.models import resolve
from mobile_robust.bench.profile import FILE, profile, profile_all
from mobile_robust.contracts.manifest import read_manifest
from mobile_robust.errors import InputError
from mobile_robust.tflite import file as tflite_file


def test_every_operation_has_its_share(pipeline_build: Path) -> None:
    artifact = read_manifest(pipeline_build).artifacts[0]
    path = pipeline_build / artifact.file
    found = profile(path, artifact.sha256, 1)
    file = tflite_file.read(path)
    assert [(op.index, op.operation) for op in found.operations] == [(op.index, op.name) for op in file.operations]
    assert found.milliseconds > 0 and 0 < sum(op.share for op in found.operations) <= 1.05
    assert all(op.certain for op in found.operations)
    assert all(op.kernels for op in found.operations if op.operation == "CONV_2D" and op.delegated)
    # counted from the file's shapes as from PyTorch's network, whose linear layers are convolutions here or not
    assert sum(op.macs or 0 for op in found.operations) == pytest.approx(artifact.macs, rel=0.01)


def test_the_slowest_come_first_and_all_are_in_the_file(
    pipeline_build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profiling, "_MOST_ROWS", 3)
    console = Console(record=True, width=160)
    models = resolve([pipeline_build / "pipeline_int8.tflite"], [], ["litert_cpu"])
    profile_all(models, 1, tmp_path, console)
    (document,) = json.loads((tmp_path / FILE).read_text())
    assert document["artifact"] == "pipeline_int8.tflite"
    slowest = sorted(document["operations"], key=lambda op: -op["milliseconds"])[:3]
    lines = [line.split() for line in console.export_text().splitlines()]
    rows = [line for line in lines if line and line[0].isdecimal()]
    assert [int(row[0]) for row in rows] == [op["index"] for op in slowest]
    assert rows[0][1] == slowest[0]["operation"] and rows[0][2] == "x".join(map(str, slowest[0]["shape"]))


def test_a_profiler_that_does_not_work_is_one_message(pipeline_build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiling.profiler, "__name__", "mobile_robust.bench.nothing")
    with pytest.raises(
        InputError, match=r"LiteRT's profiler does not work here: .* ended with exit code 1\. .*nothing"
    ):
        profile(pipeline_build / "pipeline_fp32.tflite", "", 1)
