"""Counting on the emulated phone: repeatable, of kernels that do the work, and held against a table by the command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mobile_robust.bench.cli import main
from mobile_robust.bench.instructions import plugin
from mobile_robust.errors import InputError
from mobile_robust.runtimes.base import Runtime
from mobile_robust.runtimes.emulator.runtime import LitertArm64

#: Counting needs one, a checkout does not; CI installs one, so that these never skip there.
needs_compiler = pytest.mark.skipif(plugin.compiler() is None, reason="no C compiler")


@pytest.mark.emulator
@pytest.mark.slow
def test_counts_repeat_and_outgrow_a_table(
    require: Callable[[Runtime], None], module_build: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    require(LitertArm64())
    path, file = tmp_path / "counts.json", str(module_build / "small_int8.tflite")
    assert main(["arm64", file, "--update", str(path)]) == 0
    said = capsys.readouterr().out
    assert "A count is not a latency." in said and "xnn_qs8" in said
    content = json.loads(path.read_text())
    row = content["profiles"]["snapdragon-865"]["small_int8.tflite"]
    macs = next(a["macs"] for a in json.loads((module_build / "manifest.json").read_text())["artifacts"])
    kernels = sum(n for name, n in row["kernels"].items() if name.startswith("xnn_qs8"))
    assert row["total"] / 2 < kernels < row["total"]
    assert macs / 16 < row["total"] < macs  # a dot-product instruction does 16 multiply-accumulates

    row["total"] = round(row["total"] * 1.001)
    path.write_text(json.dumps(content))
    assert main(["arm64", file, "--check", str(path)]) == 0
    assert "-0.10%" in capsys.readouterr().out  # the same count again, within a tenth of that

    row["total"] = round(row["total"] / 1.05)
    path.write_text(json.dumps(content))
    assert main(["arm64", file, "--check", str(path)]) == 1
    assert "+4.9%, allowed +2%; most of it in " in capsys.readouterr().out


def test_without_a_sandbox_it_says_how_to_get_one(
    module_build: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(InputError, match="bench arm64: .*mobile-robust arm64 setup"):
        main(["arm64", str(module_build)])


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A plug-in's source that is built nowhere yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    plugin.sandbox.base().mkdir(parents=True)
    monkeypatch.setattr(plugin, "_SOURCE", tmp_path / "plugin.c")
    (tmp_path / "plugin.c").write_text("int qemu_plugin_version = 1;\n")
    return tmp_path / "plugin.c"


@needs_compiler
def test_the_plug_in_is_built_once(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flag, option = plugin.options(Path("counts"))
    library = Path(option.removesuffix(",out=counts"))
    assert flag == "-plugin" and library.parent == plugin.sandbox.base() and library.is_file()
    monkeypatch.setattr(plugin.shutil, "which", lambda name: None)
    assert plugin.options(Path("counts")) == (flag, option)
    assert [path.suffix for path in library.parent.iterdir()] == [".so"]


def test_a_compiler_is_needed(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin.shutil, "which", lambda name: None)
    with pytest.raises(InputError, match="there is none: install gcc"):
        plugin.options(Path("counts"))


@needs_compiler
def test_a_compiler_that_fails_is_reported(source: Path) -> None:
    source.write_text("int qemu_plugin_version = one;\n")
    with pytest.raises(InputError, match=r"plugin\.c: .*cc fails: (?s:.*)one"):
        plugin.options(Path("counts"))
    assert list(plugin.sandbox.base().iterdir()) == []
