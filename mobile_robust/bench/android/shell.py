"""Command lines for the shell of an Android device, made of checked arguments only.

adb hands everything after ``shell`` to the device's shell as one line, so quoting on this side protects nothing. What a
user may choose (paths, names, serials) is never part of a line: files are named by their hash, runs by a number.
"""

from __future__ import annotations

import re

from mobile_robust.errors import InputError

_ARGUMENT = re.compile(r"[A-Za-z0-9_./=:+-][A-Za-z0-9_./=:+%~-]*")
#: adb reports exit code 0 for a command that was cut off: the output is whole only where this line ends it.
_END = "; echo mobile_robust_end=$?"
_ENDED = re.compile(rb"mobile_robust_end=(\d{1,3})\r?\n\Z")

#: Characters of a serial; the longest are addresses, and names that phones have in a network.
_LONGEST_SERIAL = 200


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


def check_serial(serial: str, option: str = "") -> None:
    """Raises InputError where a serial, which a phone chooses itself, could be taken for something else by adb."""
    if not 0 < len(serial) <= _LONGEST_SERIAL or not serial.isprintable() or serial.startswith("-"):
        raise InputError(
            f"{option}{serial[:80]!a}: not the serial of a phone; it has at most {_LONGEST_SERIAL} printable "
            "characters, and begins with no dash"
        )
