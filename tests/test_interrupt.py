"""Ctrl-C ends a command with 130, also where something swallows the exception."""

from __future__ import annotations

import ctypes
import gc
import signal
from contextlib import suppress

import pytest

from mobile_robust.cli import run
from mobile_robust.errors import InputError
from mobile_robust.interrupt import check_interrupt, remembered_interrupts
from mobile_robust.reporting.console import make_console
from mobile_robust.reporting.progress import progress_bar, work_bar


def press() -> None:
    signal.raise_signal(signal.SIGINT)


def in_garbage_collection() -> None:
    def callback(phase: str, info: object) -> None:
        press()

    gc.callbacks.append(callback)
    try:
        gc.collect(0)
    finally:
        gc.callbacks.remove(callback)


def in_destructor() -> None:
    class Native:
        def __del__(self) -> None:
            press()

    Native()


def in_ctypes() -> None:
    ctypes.CFUNCTYPE(None)(press)()


def in_bare_except() -> None:
    with suppress(BaseException):
        press()


def converted() -> None:
    try:
        press()
    except BaseException:
        raise InputError("the converter cannot take this network") from None


SWALLOWED = [in_garbage_collection, in_destructor, in_ctypes, in_bare_except]


@pytest.mark.parametrize("bar", [progress_bar, work_bar])
@pytest.mark.parametrize("swallow", SWALLOWED)
def test_the_next_step_ends_the_command(bar, swallow, capsys: pytest.CaptureFixture[str]) -> None:
    done = []

    def main(arguments: list[str]) -> int:
        with bar(make_console(stderr=True), "a build", *([3] if bar is progress_bar else [])) as step:
            for number in range(3):
                step("step", *([] if bar is progress_bar else [number, 3]))
                done.append(number)
                if number == 1:
                    swallow()
        return 0

    with pytest.raises(SystemExit) as stop:
        run(main, [])
    assert (stop.value.code, done, capsys.readouterr().err) == (130, [0, 1], "interrupted\n")


@pytest.mark.parametrize("swallow", [*SWALLOWED, converted])
def test_without_a_step_its_end_does(swallow, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        run(lambda arguments: swallow() or 0, [])
    assert (stop.value.code, capsys.readouterr().err) == (130, "interrupted\n")
    check_interrupt()  # the next command knows nothing of it


def test_one_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with remembered_interrupts():
            press()
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_handler_that_was_there_is_called() -> None:
    called = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: called.append(number))
    try:
        with pytest.raises(KeyboardInterrupt), remembered_interrupts():
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        assert called == [signal.SIGTERM] * 2
    finally:
        signal.signal(signal.SIGTERM, before)
