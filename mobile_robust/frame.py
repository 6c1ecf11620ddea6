"""What every command runs in: each way to end has its exit code and one message."""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections.abc import Callable

from mobile_robust.errors import InputError, system_failure
from mobile_robust.stop_signals import check_stop, stop_signals
from mobile_robust.terminal import SafeStream, safe_output

#: Bytes that file systems allow in a name, and about as many in a path.
_MOST_NAME, _MOST_PATH = 255, 4000

#: Takes the arguments, returns the exit code.
Command = Callable[[list[str]], int]


def exit_code(load: Callable[[list[str]], tuple[Command, list[str]]], words: list[str]) -> int:
    """Runs the command that ``load`` finds and imports, with the arguments that it leaves.

    Bad input, and what the computer refuses or lacks (space on a disk, the right to write, memory), are one message and
    code 2; a signal is code 128 + its number; anything else is a fault of this project: a traceback and code 1.
    """
    # PyTorch's threads otherwise spin while they wait, which slows a busy machine a hundredfold. Read when PyTorch is
    # imported, which every command does later than this.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    with safe_output() as streams, stop_signals() as signals, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they are about the code of libraries, also where -W error was asked for
        try:
            _refuse_empty(words)
            _refuse_odd_names(words)
            _refuse_long(words)
            signals.at_once = True
            command, rest = load(words)
            signals.at_once = False
            code = command(rest)
            check_stop()
        except BaseException as error:
            said, code = signals.end() if signals.asked or isinstance(error, KeyboardInterrupt) else _end(error)
            if said:
                print(said, file=sys.stderr)
        return max(code, _lost(streams))


def _end(error: BaseException) -> tuple[str, int]:
    """What to say, and the exit code."""
    if isinstance(error, SystemExit):  # argparse has said what is to be said
        return ("", error.code or 0) if isinstance(error.code, int | None) else (str(error.code), 1)
    if isinstance(error, InputError):
        return f"error: {error}", 2
    if isinstance(error, Exception) and (reason := system_failure(error)):
        return f"error: {reason}", 2
    return traceback.format_exc().rstrip("\n"), 1


def _lost(streams: tuple[SafeStream, SafeStream]) -> int:
    """2 and a message where output was lost.

    Not where its reader has left (``| head``): it has what it wanted, and the exit code is that of the work, which was
    done to its end. Death by SIGPIPE, the custom of short-lived tools, would leave half a build.
    """
    code = 0
    for stream, name in zip(streams, ("standard output", "standard error"), strict=True):
        stream.flush()
        if stream.failure and not isinstance(stream.failure, BrokenPipeError):
            print(f"error: {name}: cannot be written: {stream.failure.strerror}", file=sys.stderr)
            code = 2
    return code


def _refuse_empty(words: list[str]) -> None:
    """An empty value would be taken for none, or for the folder that the user is in."""
    for before, word in zip(["", *words], words, strict=False):
        if not word.strip():
            raise InputError(f"{before or 'the first argument'}: is empty; is a shell variable not set?")
        if word.startswith("--") and word.endswith("="):
            raise InputError(f"{word.removesuffix('=')}: is empty; is a shell variable not set?")


def _refuse_odd_names(words: list[str]) -> None:
    """Names that no file written here could hold, and a current folder that was deleted."""
    try:
        folder = os.getcwd()
    except OSError as error:
        raise InputError(f"the current folder cannot be found: {error.strerror}; go to one that is there") from None
    for name in (folder, *words):
        try:
            name.encode()
        except UnicodeEncodeError:
            encoding = sys.getfilesystemencoding()
            raise InputError(f"{name}: is no text in the encoding {encoding}; rename it, or set LC_ALL") from None


def _refuse_long(words: list[str]) -> None:
    """Words that are too long for a file's name, or for a number."""
    for before, word in zip(["", *words], words, strict=False):
        encoded = os.fsencode(word)
        if len(encoded) > _MOST_PATH or max(map(len, encoded.split(b"/"))) > _MOST_NAME:
            option = before if before.startswith("-") else "argument"
            raise InputError(
                f"{option} {word[:20]}…: {len(word)} characters; a number or a file's name may have {_MOST_NAME} "
                f"bytes, a path {_MOST_PATH}"
            )
