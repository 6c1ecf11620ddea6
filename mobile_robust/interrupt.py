"""Ctrl-C that nothing swallows.

Python raises KeyboardInterrupt wherever it happens to be. In a callback of the garbage collector, of ctypes or of a
destructor it is printed and dropped; a library's bare ``except`` drops it too. So it is remembered as well.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_pressed = False


@contextmanager
def remembered_interrupts() -> Iterator[None]:
    """However the block ends, KeyboardInterrupt is raised where Ctrl-C was pressed in it."""
    global _pressed
    _pressed = False
    # A process that a script started in the background ignores Ctrl-C, and only the main thread may ask for it.
    ours = _in_main_thread() and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if ours:
        signal.signal(signal.SIGINT, _remember)
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        pressed, _pressed = _pressed, False
        if pressed:
            raise KeyboardInterrupt


def check_interrupt() -> None:
    """Raises KeyboardInterrupt where Ctrl-C was pressed since the command began; for the steps of long work. Other
    threads than the main one are left to end by the word of that one."""
    if _pressed and _in_main_thread():
        raise KeyboardInterrupt


def _remember(number: int, frame: FrameType | None) -> None:
    global _pressed
    _pressed = True
    raise KeyboardInterrupt


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
