"""A sandbox that is not whole, or not of this version, is not used."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from mobile_robust.runtimes.emulator import packages, sandbox
from mobile_robust.runtimes.emulator.profiles import ARMV9, SNAPDRAGON_865
from mobile_robust.runtimes.emulator.sandbox import Package

PACKAGE = Package("ai-edge-litert", "2.3.0", "ab" * 32)


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """A finished one with a single file."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = sandbox.base() / "sandbox"
    file = sandbox.tree_of(folder) / "host/usr/bin/qemu-aarch64"
    file.parent.mkdir(parents=True)
    file.write_text("an emulator")
    sandbox.write_manifest(folder, [PACKAGE])
    sandbox.forget()
    yield folder
    sandbox.forget()


def test_a_whole_one_is_found(folder: Path) -> None:
    found, reason = sandbox.find()
    assert found is not None and reason is None
    assert found.folder == folder and found.packages == (PACKAGE,) and found.version("ai-edge-litert") == "2.3.0"


def test_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))
    assert sandbox.find() == (None, "the ARM64 sandbox is not set up: python -m mobile_robust.arm64 setup")


def test_a_changed_file_is_seen(folder: Path) -> None:
    (sandbox.tree_of(folder) / "host/usr/bin/qemu-aarch64").write_text("an emulator!")
    found, reason = sandbox.find()
    assert found is None and reason is not None and "files were changed since it was set up" in reason


def test_an_added_file_is_seen(folder: Path) -> None:
    (sandbox.tree_of(folder) / "site").mkdir()
    (sandbox.tree_of(folder) / "site" / "numpy.py").touch()
    assert sandbox.find()[0] is None


def test_other_pins_are_another_version(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(packages.WHEELS, "numpy==2.4.6", "00" * 32)
    found, reason = sandbox.find()
    assert found is None and reason is not None and "set up by another version of this package" in reason


@pytest.mark.parametrize("text", ["", "{", "[]", '{"contents": 1}'])
def test_a_manifest_that_is_none(folder: Path, text: str) -> None:
    (folder / "manifest.json").write_text(text)
    found, reason = sandbox.find()
    assert found is None and reason is not None and "arm64 setup" in reason


def test_the_manifest_names_what_came(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["parts"] == [{"name": "ai-edge-litert", "version": "2.3.0", "sha256": "ab" * 32}]


def test_the_emulated_environment_is_the_same_everywhere(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found, _ = sandbox.find()
    assert found is not None
    before = found.launch(SNAPDRAGON_865, "a.b", ["c"], {})
    monkeypatch.setenv("PYTHONSTARTUP", "x")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    assert found.launch(SNAPDRAGON_865, "a.b", ["c"], {}) == before
    site, package = before["env"]["PYTHONPATH"].split(os.pathsep)
    assert site == str(found.tree / "site") and (Path(package) / "mobile_robust").is_dir()
    assert before["args"][-3:] == ["-m", "a.b", "c"]
    other = found.launch(ARMV9, "a.b", ["c"], {"A": "1"}, ["-plugin", "p"])
    assert other["args"][1:5] == ["-plugin", "p", "-cpu", "max,sme=off"] and other["env"]["A"] == "1"


def test_a_profile_describes_one_core() -> None:
    lines = dict(line.split("\t: ") for line in SNAPDRAGON_865.cpuinfo.strip().splitlines())
    assert (lines["processor"], lines["CPU implementer"], lines["CPU part"]) == ("0", "0x41", "0xd0d")
    assert SNAPDRAGON_865.cpuinfo.endswith("\n\n")  # the end of a core's description
