"""A result says nothing that cannot be: a device's mistake is refused with its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mobile_robust.contracts.result import SchemaVersionError, read_result, write_result
from mobile_robust.errors import InputError
from tests.bench.fakes import protocol, result, run
from tests.contracts import committed_schema

RESULT = result((run("resnet50"), run("resnet50", "int8"), run("resnet50", requested="gpu")))


def changed(path: Path, change: Any) -> Path:
    """A file with the document changed by ``change``."""
    document = json.loads(RESULT.model_dump_json())
    change(document)
    path.write_text(json.dumps(document))
    return path


def test_what_is_written_is_read_back_and_fits_the_committed_schema(tmp_path: Path) -> None:
    write_result(RESULT, tmp_path / "r.json")
    assert read_result(tmp_path / "r.json") == RESULT
    document = json.loads((tmp_path / "r.json").read_text())
    schema = committed_schema("result")
    schema.validate(document)
    document["runs"][0]["repetitions"][0]["samples_ns"][0] = 1.5
    assert not schema.is_valid(document)


def test_the_least_a_phone_has_to_say_fits(tmp_path: Path) -> None:
    document = {
        "created": "2026-01-02T03:04:05Z",
        "app": {"platform": "android", "name": "bench", "version": "1"},
        "device": {"name": "Phone", "os": "Android 15", "abi": "arm64-v8a", "cpus": [{"index": 0}]},
        "protocol": json.loads(protocol(1, 1).model_dump_json()),
        "runs": [
            {
                "name": "a",
                "artifact": "a_fp32.tflite",
                "sha256": "0" * 64,
                "precision": "fp32",
                "runtime": {"name": "litert", "version": "2"},
                "requested": "npu",
                "errors": [{"when": "2026-01-02T03:04:05Z", "where": "load", "message": "no NPU"}],
            }
        ],
        "complete": True,
    }
    committed_schema("result").validate(document)
    (tmp_path / "r.json").write_text(json.dumps(document))
    (only,) = read_result(tmp_path / "r.json").runs
    assert only.errors[0].message == "no NPU" and only.repetitions == ()


def _repetition(document: dict, number: int = 0) -> dict:
    return document["runs"][number]["repetitions"][0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d.update(extra=1), "extra: Extra inputs are not permitted"),
        (lambda d: _repetition(d)["samples_ns"].pop(), "repetition 0 has 7 samples for 8 inputs"),
        (lambda d: _repetition(d)["samples_ns"].__setitem__(0, 0), "samples_ns.0: Input should be greater than 0"),
        (lambda d: _repetition(d)["samples_ns"].__setitem__(0, 1.5), "samples_ns.0: Input should be a valid integer"),
        (
            lambda d: d["runs"][0]["repetitions"][-1].update(index=10),
            "runs: resnet50_fp32.tflite on litert_cpu: repetition 10 of 10; they count from 0",
        ),
        (lambda d: _repetition(d).update(index=1), "repetitions: indices must ascend"),
        (lambda d: d["runs"].append(d["runs"][0]), "twice with the same runtime and accelerator"),
        (lambda d: d["runs"][0].update(sha256="abc"), "runs.0.sha256: String should match"),
        (lambda d: d["runs"][0].update(outputs_sha256=["0" * 64]), "1 output checksums for 8 inputs"),
        (
            lambda d: d["runs"][2]["actual"].update(placed_ops=8),
            "samples of gpu, but only 8 of 9 operations were on it",
        ),
        (lambda d: d["runs"][2].update(actual=None), "samples of gpu, but does not say where its operations were"),
        (
            lambda d: _repetition(d)["state_before"].update(thermal_headroom=float("nan")),
            "NaN is no number",
        ),
        (lambda d: d["protocol"]["inputs"].update(count=0), "protocol.inputs.count: Input should be greater"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, change: Any, said: str) -> None:
    with pytest.raises(InputError) as error:
        read_result(changed(tmp_path / "r.json", change))
    message = str(error.value)
    assert message.startswith(f"{tmp_path}/r.json: not a result of schema version 1: ") and said in message


def test_xnnpack_may_leave_operations_to_other_cpu_kernels(tmp_path: Path) -> None:
    path = changed(tmp_path / "r.json", lambda d: d["runs"][0]["actual"].update(placed_ops=3))
    assert read_result(path).runs[0].actual.placed_ops == 3


def test_a_runtime_that_may_choose_says_where_its_operations_are(tmp_path: Path) -> None:
    path = changed(tmp_path / "r.json", lambda d: d["runs"][2].update(requested="all"))
    assert read_result(path).runs[2].requested == "all"
    path = changed(tmp_path / "r.json", lambda d: d["runs"][2].update(requested="all", actual=None))
    with pytest.raises(InputError, match="samples of all, but does not say where its operations were"):
        read_result(path)


def test_another_schema_version_is_told_as_such(tmp_path: Path) -> None:
    path = changed(tmp_path / "r.json", lambda d: d.update(schema_version=2))
    with pytest.raises(
        SchemaVersionError, match=r"r\.json: a result of schema version 2; this program knows version 1"
    ):
        read_result(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not a result"),
        (b"[1]", "not a result"),
        (b"\xff\0", "not a result of .*: not UTF-8"),
    ],
)
def test_a_foreign_file_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "r.json").write_bytes(content)
    with pytest.raises(InputError, match=rf"r\.json: {said}"):
        read_result(tmp_path / "r.json")
    with pytest.raises(InputError, match=r"gone\.json: cannot be read: No such file"):
        read_result(tmp_path / "gone.json")


def test_json_has_no_numbers_that_other_languages_lack() -> None:
    json.loads(RESULT.model_dump_json(), parse_constant=lambda name: pytest.fail(name))
