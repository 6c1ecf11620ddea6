"""Command lines for the shell of an Android device, made of checked arguments only.

adb hands everything after ``shell`` to the device's shell as one line, so quoting on this side protects nothing. What a
user may choose (paths, names, serials) is never part of a line: files are named by their hash, runs by a number.
"""

from __future__ import annotations

import re

_ARGUMENT = re.compile(r"[A-Za-z0-9_./=:+-][A-Za-z0-9_./=:+%~-]*")
#: adb reports exit code 0 for a command that was cut off: the output is whole only where this line ends it.
_END = "; echo mobile_robust_end=$?"
_ENDED = re.compile(rb"mobile_robust_end=(\d+)\r?\n\Z")


def command_line(*arguments: str | int) -> str:
    """A command and its arguments as one line; raises ValueError where a shell would split or interpret one of them."""
    for argument in arguments:
        if not _ARGUMENT.fullmatch(str(argument)):
            raise ValueError(f"{argument!r} is no argument for a device's shell")
    return " ".join(map(str, arguments)) + _END


def parse_output(output: bytes) -> tuple[bytes, int] | None:
    """What the line's command has printed and its exit code; None where the end is missing."""
    found = _ENDED.search(output)
    return (output[: found.start()], int(found[1])) if found else None
