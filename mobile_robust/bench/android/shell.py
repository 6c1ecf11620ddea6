"""What a phone's shell is given: words that mean to a shell what they say, and nothing else.

adb hands everything after ``shell`` to the phone's shell as one line, so quoting on this side protects nothing. Here a
line is made of checked words only. What a user may choose (paths, names, serials) is never one of them: files go by
their hash, runs by a number.
"""

from __future__ import annotations

import re

_WORD = re.compile(r"[A-Za-z0-9_./=:+-][A-Za-z0-9_./=:+%~-]*")
#: adb tells a command that was cut off by exit code 0: only a line that says how it ended has been heard to its end.
_END = "; echo mobile_robust_end=$?"
_ENDED = re.compile(rb"mobile_robust_end=(\d+)\r?\n\Z")


def line(*words: str | int) -> str:
    """A line for the phone's shell.

    Args:
        words: Command and arguments.

    Raises:
        ValueError: A word that a shell would take apart or read as something else.
    """
    for word in words:
        if not _WORD.fullmatch(str(word)):
            raise ValueError(f"{word!r} is no word for a phone's shell")
    return " ".join(map(str, words)) + _END


def ended(output: bytes) -> tuple[bytes, int] | None:
    """What the line's command has printed and its exit code; None where the end is missing."""
    found = _ENDED.search(output)
    return (output[: found.start()], int(found[1])) if found else None
