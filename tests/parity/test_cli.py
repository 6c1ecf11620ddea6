"""Verifying a built folder again, as a user does."""

from __future__ import annotations

import json
import platform
import re
import shutil
from pathlib import Path

import pytest

from mobile_robust.contracts.manifest import read_manifest, write_manifest
from mobile_robust.errors import InputError
from mobile_robust.files import sha256
from mobile_robust.parity.cli import main
from tests.conftest import Command
from tests.parity.harm import layer_operations, reverse_weights


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")


def sign(folder: Path) -> None:
    """Writes the hashes of the files as they are now into the manifest."""
    manifest = read_manifest(folder)
    artifacts = tuple(a.model_copy(update={"sha256": sha256(folder / a.file)}) for a in manifest.artifacts)
    write_manifest(manifest.model_copy(update={"artifacts": artifacts}), folder)


@pytest.mark.slow
def test_a_good_build_passes_again(module_build: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(module_build)]) == 0
    said = capsys.readouterr().out
    assert re.search(r"small: \d+ checks passed, 4 skipped", said)
    assert all(runtime in said for runtime in ("litert_cpu", "gpu_delegate_ops", "coreml_mil"))


def test_another_runtime_in_the_place_of_pytorch(module_build: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(module_build), "--against", "litert_cpu", "--runtime", "litert_cpu"]) == 0
    said = capsys.readouterr().out
    assert "Compared with litert_cpu, not with PyTorch:" in said
    assert said.count(" 0.0e+00 ") == 2 and said.count(" exact ") == 1  # fp32 and fp16, int8


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--against", "pytorch"], "unknown runtime 'pytorch'; known: coreml_cpu, "),
        (["--against", "litert_cpu", "--layers"], "--layers compares with PyTorch: leave out --against"),
        (["--against", "litert_cpu", "--runtime", "coreml_mil"], "holds no file that litert_cpu runs"),
    ],
)
def test_what_cannot_be_compared(module_build: Path, options: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        main([str(module_build), *options])


def test_fewer_images(module_build: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def mean_error(*options: str) -> float:
        assert main([str(module_build), "--runtime", "litert_cpu", "--json", *options]) == 0
        (result,) = json.loads(capsys.readouterr().out)[0]["artifacts"][0]["parity"]
        return result["metrics"]["repaired"]["mean_abs_error"]

    assert mean_error("--images", "1") != mean_error() == mean_error("--images", "2")  # the build has two
    with pytest.raises(InputError, match="--images 0: must be 1 or more"):
        main([str(module_build), "--images", "0"])


def test_json_holds_the_chosen_runtime_alone(
    module_build: Path, pipeline_build: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(module_build), str(pipeline_build), "--runtime", "litert_cpu", "--json"]) == 0
    documents = json.loads(capsys.readouterr().out)
    assert [d["build"] for d in documents] == [str(module_build), str(pipeline_build)]
    for document in documents:
        results = {a["file"]: [r["runtime"] for r in a["parity"]] for a in document["artifacts"]}
        assert all(runs == (["litert_cpu"] if f.endswith("tflite") else []) for f, runs in results.items())
        verdicts = {a["verdict"] for a in document["artifacts"] if a["file"].endswith("tflite")}
        assert verdicts == {"pass"}


@pytest.mark.parametrize("position", [7, 9])
def test_a_broken_layer_is_found(copied: Path, edit, capsys: pytest.CaptureFixture[str], position: int) -> None:
    path = copied / "small_int8.tflite"
    place = f"operation {layer_operations(path)[position].index}"
    edit(path, reverse_weights(path, position)).replace(path)
    sign(copied)
    assert main([str(copied), "--runtime", "litert_cpu", "--layers"]) == 1
    said = capsys.readouterr().out
    assert "small_int8.tflite on litert_cpu: output repaired: worst at index" in " ".join(said.split())
    (first_bad,) = re.findall(r"first bad layer: (.*)", said)
    assert place in first_bad and "CONV_2D" in first_bad
    assert main([str(copied), "--runtime", "litert_cpu", "--json"]) == 1
    (document,) = json.loads(capsys.readouterr().out)
    verdicts = {a["file"]: a["verdict"] for a in document["artifacts"] if a["file"].endswith("tflite")}
    assert verdicts == {"small_fp32.tflite": "pass", "small_fp16.tflite": "pass", "small_int8.tflite": "fail"}


def test_layers_of_a_good_build(module_build: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(module_build), "--runtime", "gpu_delegate_ops", "--layers"]) == 0
    assert "--layers: no TFLite file computes other values than PyTorch on the CPU" in capsys.readouterr().out


def refusal(*arguments: object) -> str:
    with pytest.raises(InputError) as error:
        main([*map(str, arguments)])
    return str(error.value)


def test_runtimes_that_are_unknown_or_not_here(module_build: Path) -> None:
    assert "unknown runtime 'litert'; known: " in refusal(module_build, "--runtime", "litert")
    if platform.system() != "Darwin":
        said = refusal(module_build, "--runtime", "coreml_device")
        assert said == "--runtime coreml_device: not available on this machine: real Core ML prediction needs macOS"


def test_a_runtime_with_nothing_to_run_is_reported(copied: Path) -> None:
    manifest = read_manifest(copied)
    coreml = tuple(a for a in manifest.artifacts if a.target == "coreml")
    write_manifest(manifest.model_copy(update={"artifacts": coreml}), copied)
    assert f"{copied}: holds no file that litert_cpu runs" in refusal(copied, "--runtime", "litert_cpu")


def spoil(folder: Path, file: str) -> None:
    """Cuts a file short; of a package, deletes the weights."""
    path = folder / file
    if path.is_dir():
        next(path.rglob("weight.bin")).unlink()
    else:
        path.write_bytes(path.read_bytes()[:1000])


@pytest.mark.parametrize(
    "file", ["small_fp32.tflite", "small_fp16.mlpackage", "weights.safetensors", "reference.safetensors"]
)
def test_a_changed_file_is_named(copied: Path, file: str) -> None:
    spoil(copied, file)
    said = refusal(copied)
    assert said.startswith(f"{copied / file}: SHA-256 is ") and said.endswith("changed after the build")


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("small_fp32.tflite", "small_fp32.tflite: not a TFLite file this runtime can read"),
        ("small_fp16.mlpackage", "small_fp16.mlpackage: cannot be read back: "),
    ],
)
def test_a_broken_file_with_a_right_hash_is_named(copied: Path, file: str, said: str) -> None:
    spoil(copied, file)
    sign(copied)
    assert said in refusal(copied, "--runtime", "litert_cpu", "coreml_mil")


def test_folders_that_are_no_builds(command: Command, tmp_path: Path, module_build: Path) -> None:
    assert "gone: no such folder" in refusal(tmp_path / "gone")
    shutil.copy(module_build / "small_fp32.tflite", tmp_path)
    done = command("parity", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: {tmp_path}: no manifest.json, so this is not a finished build; run convert again\n"
