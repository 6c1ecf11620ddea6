"""The console script and the module say the same; a mistake ends with one message and code 2, never a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mobile_robust import __version__, cli
from mobile_robust.cli import commands, run
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


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--jobs", "9" * 5000],
            "--jobs 99999999999999999999…: 5000 characters; a number or a file's name may have 255 ",
        ),
        (["--out", "x/" + "é" * 128 + "/y"], "--out x/éééééééééééééééééé…: 132 characters; "),
        (["photos", "a/" * 2001], "argument a/a/a/a/a/a/a/a/a/a/…: 4002 characters; "),
    ],
)
def test_words_too_long_for_a_number_or_a_file_are_refused(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    code, _, err = ends(capsys, run, lambda arguments: 0, arguments)
    assert code == 2 and err.startswith(f"error: {said}") and len(err.splitlines()) == 1


def test_the_exit_code_is_the_commands(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["mobile-robust", "parity", "--help"])
    assert ends(capsys, run, len) == (2, "", "")


def test_the_script_of_the_accuracy_tables_says_what_it_wants() -> None:
    script = Path(__file__).parent.parent / "conversion" / "accuracy.sh"
    done = subprocess.run(["bash", script, "PHOTOS"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    usage = "usage: bash conversion/accuracy.sh PHOTOS VALIDATION CIFAR_TRAIN CIFAR_TEST"
    assert done.stderr.startswith(usage)
