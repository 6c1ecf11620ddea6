"""The console script and the module say the same; a mistake ends with one message and code 2, never a traceback."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mobile_robust import __version__, cli
from mobile_robust.cli import commands, run
from mobile_robust.errors import InputError
from tests.conftest import Command


def ends(capsys: pytest.CaptureFixture[str], main: object, *arguments: object) -> tuple[object, str, str]:
    """Exit code and output of what leaves the process."""
    with pytest.raises(SystemExit) as stop:
        main(*arguments)
    return stop.value.code, *capsys.readouterr()


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], []])
def test_help_lists_the_commands(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["mobile-robust", *arguments])
    code, out, err = ends(capsys, cli.main)
    assert (code, err) == (0, "") and all(f"\n  {name} " in out for name in commands())


@pytest.mark.parametrize("name", commands())
def test_every_command_has_help_with_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = ends(capsys, cli.run_command, name, ["--help"])
    assert (code, err) == (0, "") and "examples:" in out


def test_an_unknown_command_lists_the_known(command: Command) -> None:
    done = command("covnert")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: unknown command 'covnert'; known: {', '.join(commands())}\n"


def test_the_console_script_is_the_same(command: Command) -> None:
    assert command("--version").stdout == f"mobile-robust {__version__}\n"
    script = Path(sys.executable).with_name("mobile-robust")
    if not script.exists():
        pytest.skip("mobile-robust is not installed here, only on the path")
    done = subprocess.run([script, "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"mobile-robust {__version__}\n")


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (InputError("recipe x: bad"), 2, "error: recipe x: bad\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (OSError(28, "No space left on device", "out/x"), 2, "error: out/x: No space left on device\n"),
        (OSError(24, "Too many open files"), 2, "error: Too many open files\n"),
        (
            shutil.Error([("a", "out/b", "[Errno 122] Disk quota exceeded: 'a' -> 'out/b'")]),
            2,
            "error: Disk quota exceeded\n",
        ),
        (MemoryError(), 2, "error: not enough memory: MemoryError\n"),
        (
            OSError(12, "Cannot allocate memory"),
            2,
            "error: not enough memory: OSError: [Errno 12] Cannot allocate memory\n",
        ),
        (RuntimeError("std::bad_alloc"), 2, "error: not enough memory: RuntimeError: std::bad_alloc\n"),
        (
            RuntimeError("can't start new thread"),
            2,
            "error: not enough memory: RuntimeError: can't start new thread\n",
        ),
        (
            ImportError("libtorch_cpu.so: failed to map segment from shared object"),
            2,
            "error: not enough memory: ImportError: libtorch_cpu.so: failed to map segment from shared object\n",
        ),
    ],
)
def test_what_ends_a_command(capsys: pytest.CaptureFixture[str], raised: BaseException, code: int, said: str) -> None:
    def main(arguments: list[str]) -> int:
        raise raised

    assert ends(capsys, run, main, []) == (code, "", said)


def test_a_mistake_of_ours_keeps_its_traceback_unless_memory_is_limited(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def main(arguments: list[str]) -> int:
        raise SystemError("error return without exception set")

    with pytest.raises(SystemError):
        run(main, [])
    monkeypatch.setattr("resource.getrlimit", lambda what: (4 << 30, 4 << 30))
    code, _, said = ends(capsys, run, main, [])
    assert (code, said.count("\n")) == (2, 1)
    assert said.startswith("error: SystemError: error return") and "limited to 4096 MB (ulimit -v)" in said


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["afd", "--weights", ""], "--weights"),
        (["afd", "--weights="], "--weights"),
        (["", "--out", "x"], "the first argument"),
        (["--images", "  "], "--images"),
    ],
)
def test_empty_values_are_refused(capsys: pytest.CaptureFixture[str], arguments: list[str], named: str) -> None:
    def main(arguments: list[str]) -> int:
        raise AssertionError("it ran")

    code, _, err = ends(capsys, run, main, arguments)
    assert (code, err) == (2, f"error: {named}: is empty; is a shell variable not set?\n")


def test_the_exit_code_is_the_commands(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["mobile-robust", "parity", "--help"])
    assert ends(capsys, run, len) == (2, "", "")


def test_a_reader_that_leaves_is_no_error() -> None:
    script = "from mobile_robust.cli import run; run(lambda arguments: print('x' * 1_000_000), [])"
    words = [sys.executable, "-c", script]
    printer = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert printer.stdout is not None
    printer.stdout.close()
    _, said = printer.communicate()
    assert (printer.returncode, said) == (0, "")


def test_the_script_of_the_accuracy_tables_says_what_it_wants() -> None:
    script = Path(__file__).parent.parent / "conversion" / "accuracy.sh"
    done = subprocess.run(["bash", script, "PHOTOS"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    usage = "usage: bash conversion/accuracy.sh PHOTOS BACKBONE.safetensors CIFAR_TRAIN CIFAR_TEST"
    assert done.stderr.startswith(usage)
