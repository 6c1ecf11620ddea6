"""What a command prints: it cannot fail half-way, it fits any encoding, and no text from a file steers the terminal."""

from __future__ import annotations

import codecs
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

#: Control characters but tab and newline, what reverses the order of a line, and halves of UTF-16 pairs: as such Python
#: keeps the bytes of file names that are not UTF-8. At either end of a text a carriage return only moves the cursor
#: within the line of that text; the progress bars of downloads are such texts.
_UNPRINTABLE = re.compile("(?!\\A\r|\r\\Z)[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

#: For encodings that lack them.
_PLAIN = {"–": "-", "—": "-", "…": "...", "→": "->", "≤": "<=", "≥": ">=", "×": "x", "±": "+-", "✓": "+", "✗": "x"}
_PLAIN_ERRORS = "mobile_robust.plain"


def printable(text: str) -> str:
    """The text with every control character as Python writes it: ``\\x1b``."""
    return _UNPRINTABLE.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code & 0xFF:02x}" if code < 0x100 or 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(_PLAIN.get(c) or c.encode("ascii", "backslashreplace").decode() for c in missing), error.end


codecs.register_error(_PLAIN_ERRORS, _plain)


class SafeStream:
    """A text stream that never raises. What cannot be written is dropped, and so is all that follows.

    A build is worth more than its table: it goes on where nobody reads on (``| head -1``) or the disk is full.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.failure: OSError | None = None
        with suppress(AttributeError):
            cast(Any, stream).reconfigure(errors=_PLAIN_ERRORS)

    def write(self, text: str) -> int:
        try:
            self._stream.write(text)
        except OSError as error:
            self._give_up(error)
        return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self.failure = self.failure or error
        with suppress(OSError):  # what is still in the buffer goes there too: Python writes it when it ends
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self._stream.fileno())
            os.close(null)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class PrintableStream:
    """Every text written is :func:`printable`. ``rich_proxied_file`` is where Rich writes instead, whose control
    sequences are meant; our console makes its texts printable itself."""

    def __init__(self, stream: SafeStream) -> None:
        self.rich_proxied_file = stream

    def write(self, text: str) -> int:
        return self.rich_proxied_file.write(printable(text))

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.rich_proxied_file, name)


@contextmanager
def safe_output() -> Iterator[tuple[SafeStream, SafeStream]]:
    """Stdout and stderr are such streams inside, whatever they were; yields both, for their ``failure``."""
    open_descriptors()
    _forget_odd_sizes()
    before = sys.stdout, sys.stderr
    safe = SafeStream(_opened(sys.stdout)), SafeStream(_opened(sys.stderr))
    sys.stdout, sys.stderr = (cast(TextIO, PrintableStream(stream)) for stream in safe)
    try:
        yield safe
    finally:
        for stream in safe:
            stream.flush()
        sys.stdout, sys.stderr = before


def open_descriptors() -> None:
    """Opens those of 0, 1 and 2 that are closed (``>&-``) on /dev/null: else the next file that is opened gets the
    number, and a library that prints would print into it."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number: this one


def _opened(stream: TextIO | None) -> TextIO:
    return open(os.devnull, "w", encoding="utf-8") if stream is None else stream


def _forget_odd_sizes() -> None:
    """A terminal's size that is none, as scripts set it: Rich would fail, or print nothing."""
    for name in ("COLUMNS", "LINES"):
        if not re.fullmatch("[1-9][0-9]{0,3}", os.environ.get(name, "1")):
            del os.environ[name]
