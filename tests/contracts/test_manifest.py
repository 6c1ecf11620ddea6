"""A manifest is what makes a folder a finished build: anything else is refused with its file named."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from mobile_robust.contracts.manifest import MANIFEST_NAME, StoredFile, read_manifest, verify_hashes, write_manifest
from mobile_robust.errors import InputError
from tests.contracts import committed_schema


def test_a_written_manifest_is_read_back_the_same(module_build: Path, tmp_path: Path) -> None:
    write_manifest(read_manifest(module_build), tmp_path)
    assert (tmp_path / MANIFEST_NAME).read_bytes() == (module_build / MANIFEST_NAME).read_bytes()


@pytest.mark.parametrize("build", ["module_build", "pipeline_build"])
def test_a_real_manifest_fits_the_committed_schema(request: pytest.FixtureRequest, build: str) -> None:
    document = json.loads((request.getfixturevalue(build) / MANIFEST_NAME).read_text())
    schema = committed_schema("manifest")
    schema.validate(document)
    del document["artifacts"][0]["sha256"]
    assert not schema.is_valid(document)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text[: len(text) // 2], "not a manifest of schema version 2: the file: "),
        (lambda text: "{}", "not a manifest of schema version 2: created: Field required"),
        (lambda text: '{"name": "My web app", "icons": []}', "not a manifest of schema version 2"),
        (lambda text: text.replace('"schema_version": 2', '"schema_version": 3'), "schema_version: Input should be 2"),
        (lambda text: text.replace('"litert_cpu"', "7", 1), r"artifacts\.0\.parity\.0\.runtime"),
        (lambda text: text.replace('"size": 64', '"size": null', 1), "recipe: input: size, mean and std must all be"),
        (lambda text: "", "not a manifest of schema version 2"),
    ],
)
def test_a_foreign_or_damaged_manifest_is_refused(module_build: Path, tmp_path: Path, change, said: str) -> None:
    path = tmp_path / MANIFEST_NAME
    path.write_text(change((module_build / MANIFEST_NAME).read_text()))
    with pytest.raises(InputError, match=f"^{re.escape(str(path))}: .*{said}"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *[("bytes", -1), ("macs", -1), ("parameters", -1), ("operations", {}), ("operations", {"ADD": 0})],
        *[("inputs", []), ("outputs", []), ("inputs.0.shape", [1, 0]), ("outputs.0.shape", [-1])],
    ],
)
def test_what_no_artifact_has_is_refused(module_build: Path, tmp_path: Path, key: str, value: object) -> None:
    document = json.loads((module_build / MANIFEST_NAME).read_text())
    holder: Any = document["artifacts"][0]
    *way, last = key.split(".")
    for step in way:
        holder = holder[int(step) if step.isdecimal() else step]
    holder[last] = value
    (tmp_path / MANIFEST_NAME).write_text(json.dumps(document))
    with pytest.raises(InputError, match=rf"not a manifest of schema version 2: artifacts\.0\.{key}"):
        read_manifest(tmp_path)


def test_a_manifest_of_schema_version_1_gets_its_roles(module_build: Path, tmp_path: Path) -> None:
    document = json.loads((module_build / MANIFEST_NAME).read_text())
    document["schema_version"] = 1
    for artifact in document["artifacts"]:
        for tensor in (*artifact["inputs"], *artifact["outputs"]):
            del tensor["role"], tensor["repairs"]
    (tmp_path / MANIFEST_NAME).write_text(json.dumps(document))
    assert read_manifest(tmp_path) == read_manifest(module_build)


def test_a_recipe_whose_component_was_called_its_part_is_read(module_build: Path, tmp_path: Path) -> None:
    document = json.loads((module_build / MANIFEST_NAME).read_text())
    del document["recipe"]["component"]
    document["recipe"]["part"] = "module"
    (tmp_path / MANIFEST_NAME).write_text(json.dumps(document))
    assert read_manifest(tmp_path).recipe.component == "module"


def test_a_folder_without_a_readable_manifest_is_no_finished_build(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no manifest.json, so this is not a finished build; run convert again"):
        read_manifest(tmp_path)
    with pytest.raises(InputError, match="gone: no such folder; give the folder of a finished build"):
        read_manifest(tmp_path / "gone")
    (tmp_path / MANIFEST_NAME).write_bytes(b"\xff\x00")
    with pytest.raises(InputError, match=r"manifest\.json: not a manifest of schema version 2: the file: not UTF-8"):
        read_manifest(tmp_path)


def test_every_changed_file_is_named(copied: Path) -> None:
    manifest = read_manifest(copied)
    verify_hashes(manifest, copied)
    with (copied / "small_fp32.tflite").open("r+b") as file:
        file.truncate(1000)
    (weights,) = (copied / "small_fp16.mlpackage").rglob("weight.bin")
    weights.unlink()
    shutil.rmtree(copied / "small_pal6.mlpackage")
    (copied / manifest.reference.file).unlink()
    with pytest.raises(InputError) as error:
        verify_hashes(manifest, copied)
    lines = re.sub(r"[0-9a-f]{16}…", "H", str(error.value)).replace(f"{copied}/", "").split("\n")
    assert lines == [
        "small_fp32.tflite: SHA-256 is H, the manifest says H: changed after the build",
        "small_fp16.mlpackage: SHA-256 is H, the manifest says H: changed after the build",
        "small_pal6.mlpackage: missing",
        "reference.safetensors: missing",
    ]


@pytest.mark.parametrize("name", ["", ".", "..", "../a", "/proc/self/mem", "a/b", "a\0b", "a\x1b", "n" * 256])
def test_a_name_that_is_no_file_of_the_folder_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="is not the name of a file in the manifest's folder"):
        StoredFile(file=name, sha256="0" * 64)


def test_a_file_that_is_none_is_named_and_not_read(copied: Path, tmp_path: Path) -> None:
    manifest = read_manifest(copied)
    file, *_, package = (copied / artifact.file for artifact in manifest.artifacts)
    (tmp_path / "else").write_bytes(file.read_bytes())
    file.unlink()
    file.symlink_to(tmp_path / "else")
    os.mkfifo(package / "pipe")
    with pytest.raises(InputError) as caught:
        verify_hashes(manifest, copied)
    first, second = str(caught.value).splitlines()
    assert first == f"{file}: leads out of {copied}; must be a file in it"
    assert second == f"{package / 'pipe'}: not a regular file, or a link"
