"""Ctrl-C, ``kill`` and a closed terminal end a command in the same orderly way, and nothing swallows them.

Python raises the exception wherever it happens to be. In a callback of the garbage collector, of ctypes or of a
destructor it is printed and dropped; a library's bare ``except`` drops it too. So it is remembered as well.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

#: Signal -> what the command says when it has ended.
_SAID = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated", signal.SIGHUP: "the terminal was closed"}


class Stop(KeyboardInterrupt):
    """A signal asked for the end: whatever tidies up after Ctrl-C does so after each of them."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


#: Of the command that is running.
_current: StopSignals | None = None


class StopSignals:
    """Which signal has asked for the end, if one has."""

    def __init__(self) -> None:
        self.asked: int | None = None
        #: Whether there is nothing to tidy up: the process ends at once. While the command and its libraries are being
        #: imported, an exception would make those written in C or Rust panic, or print.
        self.at_once = False

    def stop(self, number: int, frame: FrameType | None) -> NoReturn:
        """The handler. ``asked`` outlives the exception, which code in C may turn into another one."""
        self.asked = number
        if self.at_once:
            said, code = self.end()
            with suppress(OSError):
                os.write(2, said.encode() + b"\n")
            os._exit(code)
        raise Stop(number)

    def end(self) -> tuple[str, int]:
        """What to say, and the exit code that shells use. From now on a further signal ends the process at once."""
        number = self.asked or signal.SIGINT
        for each in _SAID:
            if signal.getsignal(each) == self.stop:
                signal.signal(each, signal.SIG_DFL)
        return _SAID[signal.Signals(number)], 128 + number


def check_stop() -> None:
    """Raises :class:`Stop` where a signal has asked for the end since the command began; for the steps of long work.
    Other threads than the main one are left to end by the word of that one."""
    if _current and _current.asked and threading.current_thread() is threading.main_thread():
        raise Stop(_current.asked)


@contextmanager
def stop_signals() -> Iterator[StopSignals]:
    """The signals raise :class:`Stop` inside, but those that whoever started the process lets it ignore (nohup)."""
    signals = StopSignals()
    defaults = signal.SIG_DFL, signal.default_int_handler
    before = {number: handler for number in _SAID if (handler := signal.getsignal(number)) in defaults}
    for number in before:
        signal.signal(number, signals.stop)
    dropped = sys.unraisablehook

    def drop(unraisable: sys.UnraisableHookArgs) -> None:
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):  # which is remembered, and need not be printed
            dropped(unraisable)

    global _current
    _current, sys.unraisablehook = signals, drop
    try:
        yield signals
    finally:
        _current, sys.unraisablehook = None, dropped
        for number, handler in before.items():
            if signal.getsignal(number) == signals.stop:
                signal.signal(number, handler)
