"""What DIR may be, and the protocol of the options: anything else is named with what is allowed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mobile_robust.bench.device.transport import DeviceRuntime
from mobile_robust.bench.host import machine as device
from mobile_robust.bench.models import resolve
from mobile_robust.bench.protocol import differences, make_protocol
from mobile_robust.contracts.manifest import read_manifest, write_manifest
from mobile_robust.errors import InputError
from mobile_robust.runtimes.registry import runtimes
from tests.bench.fakes import protocol

INPUTS = protocol().inputs
CPU = [runtimes()["litert_cpu"]]
#: As apps have them.
CORE_ML = [
    DeviceRuntime("coreml_cpu", "cpu", "system", ".mlpackage", target="coreml"),
    DeviceRuntime("coreml_all", "all", "system", ".mlpackage", target="coreml"),
]


def test_folders_and_files_are_taken_once(pipeline_build: Path) -> None:
    found = resolve([pipeline_build, pipeline_build / "pipeline_int8.tflite"], [], CPU)
    assert [model.artifact.file for model in found] == ["pipeline_fp32.tflite", "pipeline_int8.tflite"]
    (int8,) = resolve([pipeline_build], ["int8", "fp16"], CPU)
    assert int8.artifact.precision == "int8" and int8.path.is_file()


def test_packages_are_for_core_ml(pipeline_build: Path) -> None:
    everywhere = [*CPU, *CORE_ML]
    found = {(m.artifact.file, m.runtime, m.accelerator) for m in resolve([pipeline_build], [], everywhere)}
    assert {each for each in found if each[1] != "litert_cpu"} == {
        ("pipeline_fp16.mlpackage", "coreml_cpu", "cpu"),
        ("pipeline_fp16.mlpackage", "coreml_all", "all"),
    }
    assert {file for file, runtime, _ in found if runtime == "litert_cpu"} == {
        "pipeline_fp32.tflite",
        "pipeline_int8.tflite",
    }
    package = pipeline_build / "pipeline_fp16.mlpackage"
    assert [model.path for model in resolve([package], [], CORE_ML)] == [package] * 2
    with pytest.raises(InputError, match=r"unknown TFLite file of .*manifest.json 'pipeline_fp16.mlpackage'"):
        resolve([package], [], CPU)
    with pytest.raises(InputError, match="pipeline: no Core ML file of --precision int8; it has: fp16"):
        resolve([pipeline_build], ["int8"], CORE_ML)


def test_int8_asks_for_weights_in_8_bits_of_core_ml(pipeline_build: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(pipeline_build, tmp_path / "pipeline"))
    manifest = read_manifest(copy)
    artifacts = [a.model_copy(update={"precision": "int8w"}) if a.target == "coreml" else a for a in manifest.artifacts]
    write_manifest(manifest.model_copy(update={"artifacts": tuple(artifacts)}), copy)
    assert {model.artifact.precision for model in resolve([copy], ["int8"], [*CPU, *CORE_ML])} == {"int8", "int8w"}


def test_a_changed_file_is_named(pipeline_build: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(pipeline_build, tmp_path / "pipeline"))
    (copy / "pipeline_fp32.tflite").write_bytes(b"other")
    with pytest.raises(InputError, match="changed after the build"):
        resolve([copy], [], CPU)


def test_uint8_is_for_runtimes_that_quantize(pipeline_build: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(pipeline_build, tmp_path / "pipeline"))
    manifest = read_manifest(copy)
    first = manifest.artifacts[0]
    image = first.inputs[0].model_copy(update={"dtype": "uint8"})
    changed = first.model_copy(update={"inputs": (image,)})
    write_manifest(manifest.model_copy(update={"artifacts": (changed, *manifest.artifacts[1:])}), copy)
    assert len(resolve([copy], [], CPU)) == 2
    with pytest.raises(
        InputError, match="image is uint8; on tflite_cpu, bench takes files with float32 inputs and out"
    ):
        resolve([copy], [], [DeviceRuntime("tflite_cpu", "cpu", "2.16.1", ".tflite")])


def test_the_protocol_of_this_host_has_cores_that_are_chosen_or_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "allowed_cpus", lambda: [2, 3])
    monkeypatch.setattr(device, "fastest_cpus", lambda count: [3] if count == 1 else None)
    made = make_protocol(INPUTS, 10, 1, None, 1)
    assert made.pinned_cpus == (3,) and made.warm_up_seconds >= 1 and made.warm_up_runs >= 5 and made.interleaved
    assert make_protocol(INPUTS, 10, 2, None, 1).pinned_cpus is None
    assert make_protocol(INPUTS, 10, 2, [3, 2], 1).pinned_cpus == (2, 3)
    assert make_protocol(INPUTS, 10, 2, [], 1).pinned_cpus is None
    with pytest.raises(InputError, match="--pin 0 7: allowed are the cores 2, 3"):
        make_protocol(INPUTS, 10, 1, [0, 2, 7], 1)
    with pytest.raises(InputError, match="--pin: 2 threads need as many cores, got 1"):
        make_protocol(INPUTS, 10, 2, [2, 2], 1)
    monkeypatch.setattr(device, "allowed_cpus", lambda: None)
    with pytest.raises(InputError, match="--pin: this system cannot keep a process on some cores"):
        make_protocol(INPUTS, 10, 1, [0], 1)


def test_what_protocols_do_not_share_is_said() -> None:
    assert differences(protocol(), protocol()) == []
    other = protocol(threads=4, inputs=INPUTS.model_copy(update={"count": 3}))
    assert differences(protocol(), other)[0] == "threads: 1 against 4"
    assert differences(protocol(), other)[1].startswith("inputs: 8 of SHA-256 ")
    # which photos is said by their hash; the words on them may differ
    assert differences(protocol(), protocol(inputs=INPUTS.model_copy(update={"description": "the same"}))) == []
