"""What is printed cannot fail, fits every encoding, and holds no control character of a file's."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import mobile_robust
from mobile_robust.reporting.console import make_console
from mobile_robust.reporting.progress import work_bar
from mobile_robust.terminal import PrintableStream, SafeStream, printable, safe_output

STEERING = "a\x1b[31m\x1b]0;t\x07\0\r\x7f\x9b2J\u202eb\udcff\ud800.jpg"
SHOWN = r"a\x1b[31m\x1b]0;t\x07\x00\x0d\x7f\x9b2J\u202eb\xff\ud800.jpg"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (STEERING, SHOWN),
        ("é 中 😀 é\u0301 \u200d − ≤\ta\nb", "é 中 😀 é\u0301 \u200d − ≤\ta\nb"),
        ("\r50 %", "\r50 %"),  # a download's bar
        ("a\rb\r", "a\\x0db\r"),
        (SHOWN, SHOWN),
    ],
)
def test_control_characters_are_shown(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_whatever_prints_is_printable(capsys: pytest.CaptureFixture[str]) -> None:
    with safe_output():
        print(STEERING)
        sys.stdout.writelines([STEERING, "\n"])
        make_console().print(STEERING, soft_wrap=True)
        print(STEERING, file=sys.stderr)
    out, err = capsys.readouterr()
    assert out == 3 * f"{SHOWN}\n" and err == f"{SHOWN}\n"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8", "cp1252"])
def test_every_encoding_takes_every_text(encoding: str) -> None:
    buffer = io.BytesIO()
    stream = PrintableStream(SafeStream(io.TextIOWrapper(buffer, encoding)))
    stream.write(f"≤ 3 × 4 ± 1 → ✓ … 中 {STEERING}")
    stream.flush()
    text = buffer.getvalue().decode(encoding)
    assert text.endswith(SHOWN) and not set(text) & set(STEERING[1:2])
    if encoding == "ascii":
        assert text.startswith("<= 3 x 4 +- 1 -> + ... \\u4e2d ")


class Broken(io.StringIO):
    """A stream that fails."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


def test_a_stream_that_fails_is_given_up() -> None:
    stream = SafeStream(Broken())
    assert stream.write("abc") == 3 and stream.failure is not None and stream.failure.errno == 28
    stream.flush()


PROGRESS = f"""
import sys
from mobile_robust.cli import run
from mobile_robust.reporting.console import make_console
from mobile_robust.reporting.progress import work_bar
def main(words):
    console = make_console(stderr=True)
    with work_bar(console, "photos") as show:
        show({STEERING!r}, 1, 2)
        console.print("careful", style="yellow")
        print({STEERING!r})
    return 0
run(main, [])
"""


def test_the_bar_on_a_terminal_has_its_own_control_sequences_only() -> None:
    ours, theirs = os.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "200", "NO_COLOR": ""}
    process = subprocess.Popen([sys.executable, "-c", PROGRESS], stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 1 << 16):
            shown += chunk
    except OSError:  # EIO: the other end is closed
        pass
    os.close(ours)
    assert process.wait() == 0
    text = shown.decode()
    assert "\x1b[33mcareful\x1b[0m" in text and "\x1b[?25h" in text  # a colour, and the cursor comes back
    assert r" a\x1b[31m\x1b]0" in text and "\x1b]0" not in text and "\0" not in text and "\x9b" not in text


def test_consoles_are_wide_enough_for_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    widths = {}
    for columns in ("0", "1", "-5", "abc", "²", "9" * 5000, "30"):
        monkeypatch.setenv("COLUMNS", columns)
        with safe_output():
            widths[columns] = make_console().width
    assert min(widths.values()) >= 20 and widths["30"] == 30 and max(widths.values()) <= 9999


#: Pattern -> the files that may contain it. What commands print, and a ``__main__``, passes :func:`safe_output`.
WRITERS = {
    r"(?<![\w.])print\(": r".*\bcli\.py|(frame|contracts/__main__|bench/android/apk/lock|reporting/console)\.py",
    r"\bsys\.(__)?std(out|err)\b": r"(cli|frame|terminal|quiet|reporting/console|evaluation/connection|"
    r"bench/android/apk/lock)\.py",
    r"Console\(": r"reporting/console\.py",
}


@pytest.mark.parametrize("pattern", WRITERS)
def test_all_that_is_printed_passes_the_terminals_own_modules(pattern: str) -> None:
    package = Path(mobile_robust.__file__).parent
    files = (path for path in package.rglob("*.py") if re.search(pattern, path.read_text(encoding="utf-8")))
    names = {path.relative_to(package).as_posix() for path in files}
    assert names and not [name for name in names if not re.fullmatch(WRITERS[pattern], name)]


def test_bars_are_silent_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    with safe_output(), work_bar(make_console(stderr=True), "photos") as show:
        show(STEERING, 1, 2)
    assert capsys.readouterr() == ("", "")
