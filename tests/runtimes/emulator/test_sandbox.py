"""A sandbox that is not whole, or not of this version, is not used."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from mobile_robust.runtimes.emulator import packages, sandbox
from mobile_robust.runtimes.emulator.profiles import ARMV9, SNAPDRAGON_865
from mobile_robust.runtimes.emulator.sandbox import InstalledPackage, Sandbox

PACKAGE = InstalledPackage("ai-edge-litert", "2.3.0", "ab" * 32)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """A finished one with a single file."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made = Sandbox(sandbox.base() / "sandbox", (PACKAGE,))
    file = made.tree / "host/usr/bin/qemu-aarch64"
    file.parent.mkdir(parents=True)
    file.write_text("an emulator")
    made.finish()
    sandbox.forget()
    yield made
    sandbox.forget()


def refusal() -> str:
    found, reason = sandbox.find()
    assert found is None and reason is not None
    return reason


def test_a_whole_one_is_found(made: Sandbox) -> None:
    assert sandbox.find() == (made, None) and made.version("ai-edge-litert") == "2.3.0"
    manifest = json.loads((made.folder / "manifest.json").read_text())
    assert manifest["parts"] == [{"name": "ai-edge-litert", "version": "2.3.0", "sha256": "ab" * 32}]


def test_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))
    assert refusal() == "the ARM64 sandbox is not set up: mobile-robust arm64 setup"


@pytest.mark.parametrize("file", ["host/usr/bin/qemu-aarch64", "site/numpy.py"])
def test_a_changed_or_added_file_is_seen(made: Sandbox, file: str) -> None:
    (made.tree / file).parent.mkdir(exist_ok=True)
    (made.tree / file).write_text("an emulator!")
    assert "files were changed since it was set up" in refusal()


def test_other_pins_are_another_version(made: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(packages.WHEELS, "numpy==2.4.6", "00" * 32)
    assert "set up by another version of this package" in refusal()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"contents": 1}'])
def test_a_manifest_that_is_none(made: Sandbox, text: str) -> None:
    (made.folder / "manifest.json").write_text(text)
    assert "arm64 setup" in refusal()


def test_the_emulated_environment_is_the_same_everywhere(made: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    before = made.launch(SNAPDRAGON_865, ["-m", "a.b", "c"], {})
    monkeypatch.setenv("PYTHONSTARTUP", "x")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    assert made.launch(SNAPDRAGON_865, ["-m", "a.b", "c"], {}) == before
    site, package = before["env"]["PYTHONPATH"].split(os.pathsep)
    assert site == str(made.tree / "site") and (Path(package) / "mobile_robust").is_dir()
    assert before["args"][-3:] == ["-m", "a.b", "c"]
    other = made.launch(ARMV9, [], {"A": "1"}, ["-plugin", "p"])
    assert other["args"][1:5] == ["-plugin", "p", "-cpu", "max,sme=off"] and other["env"]["A"] == "1"


def test_a_profile_describes_one_core() -> None:
    lines = dict(line.split("\t: ") for line in SNAPDRAGON_865.cpuinfo.strip().splitlines())
    assert (lines["processor"], lines["CPU implementer"], lines["CPU part"]) == ("0", "0x41", "0xd0d")
    assert SNAPDRAGON_865.cpuinfo.endswith("\n\n")  # the end of a core's description
