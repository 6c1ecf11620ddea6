"""Core ML packages from elsewhere whose files lie outside, or declare what no memory holds."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from mobile_robust.coreml_import import import_coremltools
from mobile_robust.errors import InputError
from mobile_robust.runtimes.coreml_mil.package import read_package


@pytest.mark.parametrize("name", ["/etc/hostname", "../../other", "../Manifest.json", "link", "pipe", "\0"])
def test_an_item_outside_the_package_is_refused(tmp_path: Path, name: str) -> None:
    package = _package(tmp_path, name)
    (tmp_path / "other").write_text("other")
    (package / "Data/link").symlink_to("/etc/hostname")
    os.mkfifo(package / "Data/pipe")
    with pytest.raises(
        InputError, match=r"leads out of .*net\.mlpackage|net\.mlpackage.*: (not a regular|incomplete|.* must not hold)"
    ):
        read_package(package)


def _package(folder: Path, item: str) -> Path:
    package = folder / "net.mlpackage"
    (package / "Data").mkdir(parents=True)
    table = {"rootModelIdentifier": "a", "itemInfoEntries": {"a": {"path": item, "name": "model"}}}
    (package / "Manifest.json").write_text(json.dumps(table))
    return package


def test_an_input_that_no_memory_holds_is_refused(tmp_path: Path) -> None:
    spec = import_coremltools().proto.Model_pb2.Model()
    spec.mlProgram.version = 1
    feature = spec.description.input.add()
    feature.name = "x0"
    feature.type.multiArrayType.shape.extend([2**20, 2**20])
    package = _package(tmp_path, "model.mlmodel")
    (package / "Data/model.mlmodel").write_bytes(spec.SerializeToString())
    with pytest.raises(InputError, match=r"x0 has the shape \[1048576, 1048576\]; at most"):
        read_package(package)
