"""Ctrl-C that nothing swallows.

Python raises KeyboardInterrupt wherever it happens to be. In a callback of the garbage collector, of ctypes or of a
destructor it is printed and dropped; a library's bare ``except`` drops it too. So it is remembered as well, and not
printed.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_stopped = False


@contextmanager
def remembered_interrupts() -> Iterator[None]:
    """However the block ends, KeyboardInterrupt is raised where a signal came in it that has a handler of Python's, as
    Ctrl-C has where whoever started the process does not let it ignore it. The handlers are called as before.
    """
    global _stopped
    _stopped = False
    known = {number: signal.getsignal(number) for number in _SIGNALS} if _in_main_thread() else {}
    handlers = {number: handler for number, handler in known.items() if callable(handler)}

    def remember(number: int, frame: FrameType | None) -> None:
        global _stopped
        _stopped = True
        handlers[signal.Signals(number)](number, frame)

    dropped = sys.unraisablehook

    def drop(unraisable: sys.UnraisableHookArgs) -> None:
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            dropped(unraisable)

    for number in handlers:
        signal.signal(number, remember)
    sys.unraisablehook = drop
    try:
        yield
    finally:
        sys.unraisablehook = dropped
        for number, handler in handlers.items():
            signal.signal(number, handler)
        stopped, _stopped = _stopped, False
        if stopped:
            raise KeyboardInterrupt


def check_interrupt() -> None:
    """Raises KeyboardInterrupt where Ctrl-C was pressed since the command began; for the steps of long work. Other
    threads than the main one are left to end by the word of that one.
    """
    if _stopped and _in_main_thread():
        raise KeyboardInterrupt


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
