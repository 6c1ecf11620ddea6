"""Every end of a command has its exit code and one message, whatever its streams are."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mobile_robust.errors import InputError
from mobile_robust.frame import exit_code


def ends(command: object, *words: str) -> int:
    return exit_code(lambda left: (command, left), list(words))


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (InputError("recipe x: bad"), 2, "error: recipe x: bad\n"),
        (InputError("a\x1b[31m"), 2, "error: a\\x1b[31m\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (SystemExit(2), 2, ""),
        (SystemExit(), 0, ""),
        (MemoryError(), 2, "error: not enough memory: MemoryError\n"),
        (OSError(24, "Too many open files"), 2, "error: Too many open files\n"),
        (shutil.Error([("a", "o/b", "[Errno 122] Disk quota exceeded: 'o/b'")]), 2, "error: Disk quota exceeded\n"),
        (RuntimeError("std::bad_alloc"), 2, "error: not enough memory: RuntimeError: std::bad_alloc\n"),
        (
            ImportError("libtorch_cpu.so: failed to map segment from shared object"),
            2,
            "error: not enough memory: ImportError: libtorch_cpu.so: failed to map segment from shared object\n",
        ),
        (OSError(28, "No space left on device", "b/x"), 2, "error: b/x: No space left on device\n"),
    ],
)
def test_what_ends_a_command(capsys: pytest.CaptureFixture[str], raised: BaseException, code: int, said: str) -> None:
    def command(words: list[str]) -> int:
        raise raised

    assert ends(command) == code and capsys.readouterr() == ("", said)


def test_a_fault_of_ours_is_a_traceback_that_cannot_steer_either(capsys: pytest.CaptureFixture[str]) -> None:
    def command(words: list[str]) -> int:
        raise ValueError("\x1b[2J")

    assert ends(command) == 1
    err = capsys.readouterr().err
    assert err.startswith("Traceback") and err.endswith("ValueError: \\x1b[2J\n")


def test_a_fault_under_limited_memory_is_a_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def command(words: list[str]) -> int:
        raise SystemError("error return without exception set")

    monkeypatch.setattr("resource.getrlimit", lambda what: (4 << 30, 4 << 30))
    assert ends(command) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: SystemError: error return") and "limited to 4096 MB (ulimit -v)" in said


def test_warnings_of_libraries_are_no_errors(capsys: pytest.CaptureFixture[str]) -> None:
    script = "import warnings; from mobile_robust.cli import run; run(lambda words: warnings.warn('old') or 0, [])"
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


#: Prints to both streams, works on, and says what it got done; a file must not get a standard stream's number.
COMMAND = """
import os, sys
from pathlib import Path
from mobile_robust.cli import run
from mobile_robust.quiet import quiet
def command(words):
    print("x" * 1_000_000)
    print("note", file=sys.stderr)
    with open(words[0], "w") as file:
        assert file.fileno() > 2
        with quiet():
            os.write(1, b"noise")
        print("more")
        file.write("done")
    return int(words[1])
run(command, sys.argv[1:])
"""
NO_SPACE = "error: standard output: cannot be written: No space left on device\n"


@pytest.mark.parametrize(
    ("redirected", "code", "said"),
    [
        (">&-", 0, "note\n"),
        ("2>&-", 0, ""),
        (">&- 2>&- <&-", 0, ""),
        (">/dev/full", 2, f"note\n{NO_SPACE}"),
        (">/dev/full 2>&1", 2, ""),
        ("2>/dev/full", 2, ""),
        ("| head -c 1", 0, "note\n"),
        ("2>&1 | true", 0, ""),
    ],
)
def test_the_work_is_done_whatever_the_streams_are(tmp_path: Path, redirected: str, code: int, said: str) -> None:
    script = f'set -o pipefail; "$0" -c "$1" "$2" 0 {redirected}'
    words = ["bash", "-c", script, sys.executable, COMMAND, str(tmp_path / "file")]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (code, said)
    assert (tmp_path / "file").read_text() == "done"


def test_a_check_that_failed_is_not_forgotten_where_the_reader_has_left(tmp_path: Path) -> None:
    script = 'set -o pipefail; "$0" -c "$1" "$2" 1 2>&1 | true'
    words = ["bash", "-c", script, sys.executable, COMMAND, str(tmp_path / "file")]
    assert subprocess.run(words, check=False).returncode == 1


def test_a_folder_that_is_gone_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    os.rmdir(tmp_path / "gone")
    assert ends(lambda words: 0) == 2
    said = "error: the current folder cannot be found: No such file or directory; go to one that is there\n"
    assert capsys.readouterr() == ("", said)


def test_a_name_that_no_document_could_hold_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert ends(lambda words: 0, "--out", "b\udcff") == 2
    said = f"error: b\\xff: is no text in the encoding {sys.getfilesystemencoding()}; rename it, or set LC_ALL\n"
    assert capsys.readouterr() == ("", said)
