"""Ctrl-C, kill and a closed terminal: quiet, tidied up, with the exit code that shells use."""

from __future__ import annotations

import ctypes
import gc
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from mobile_robust import cli
from mobile_robust.errors import InputError
from mobile_robust.frame import exit_code
from mobile_robust.reporting.console import make_console
from mobile_robust.reporting.progress import progress_bar, work_bar
from mobile_robust.stop_signals import Stop, check_stop, stop_signals

STOPS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
SAID = ["interrupted\n", "terminated\n", "the terminal was closed\n"]


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    defaults = (signal.default_int_handler, signal.SIG_DFL, signal.SIG_DFL)  # also where the tests run under nohup
    before = {number: signal.signal(number, handler) for number, handler in zip(STOPS, defaults, strict=True)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("number", "said"), zip(STOPS, SAID, strict=True))
def test_each_tidies_up_as_ctrl_c_does(number: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    tidied = []

    def command(words: list[str]) -> int:
        try:
            signal.raise_signal(number)
        except KeyboardInterrupt:
            tidied.append(number)
            raise
        return 0

    assert exit_code(lambda words: (command, words), []) == 128 + number
    assert tidied == [number] and capsys.readouterr() == ("", said)
    assert signal.getsignal(number) == signal.SIG_DFL  # a second one has nothing to wait for


def test_one_that_a_library_turns_into_another_error_is_still_one(capsys: pytest.CaptureFixture[str]) -> None:
    def command(words: list[str]) -> int:
        try:
            signal.raise_signal(signal.SIGINT)
        except Stop:
            raise ImportError("initialization failed") from None
        return 0

    assert exit_code(lambda words: (command, words), []) == 130 and capsys.readouterr() == ("", "interrupted\n")


def test_what_was_ignored_before_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # nohup
    with stop_signals():
        signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGTERM) != signal.SIG_DFL
    assert (signal.getsignal(signal.SIGHUP), signal.getsignal(signal.SIGTERM)) == (signal.SIG_IGN, signal.SIG_DFL)


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

    assert exit_code(lambda words: (main, words), []) == 130
    assert (done, capsys.readouterr().err) == ([0, 1], "interrupted\n")


@pytest.mark.parametrize("swallow", [*SWALLOWED, converted])
def test_without_a_step_its_end_does(swallow, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(lambda words: (lambda arguments: swallow() or 0, words), []) == 130
    assert capsys.readouterr().err == "interrupted\n"
    check_stop()  # the next command knows nothing of it


LOADING = """
import signal
from mobile_robust import cli
def load(words):
    try:
        signal.raise_signal(signal.SIGTERM)
    finally:
        print("this library panics")
cli._leave(load, [])
"""


def test_while_a_command_is_loaded_the_process_ends_at_once() -> None:
    done = subprocess.run([sys.executable, "-c", LOADING], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (143, "", "terminated\n")


#: What ``python -m`` takes: the commands, but for those that are started by their name alone.
STARTERS = [
    "__main__",
    "rank",
    *(
        name
        for command in cli._COMMANDS
        for name in (command, f"{command}.__main__")
        if (Path(cli.__file__).parent / f"{name.replace('.', '/')}.py").is_file()
    ),
]


def test_nothing_that_takes_time_is_imported_before_ctrl_c_is_caught() -> None:
    script = """
import runpy, sys
from mobile_robust import cli
def leave(*arguments):
    print(*(name for name in ("typing", "re", "argparse", "rich", "pydantic", "numpy") if name in sys.modules - before))
cli._leave = leave
for name in sys.argv[1:]:
    before = set(sys.modules)
    runpy.run_module(f"mobile_robust.{name}", run_name="__main__")
""".replace("sys.modules - before", "set(sys.modules) - before")
    assert {"convert", "bench.__main__", "parity.__main__", "restoration.__main__"} < set(STARTERS)
    done = subprocess.run([sys.executable, "-c", script, *STARTERS], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("\n" * len(STARTERS), "")


@pytest.mark.slow
@pytest.mark.parametrize("starter", ["mobile_robust", "mobile_robust.evaluate", "mobile_robust.bench"])
def test_ctrl_c_in_the_first_second_is_quiet(starter: str) -> None:
    words = ["-m", starter, *(["convert"] if starter == "mobile_robust" else []), "x", "--images", "y"]
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "mobile_robust.frame" in line:  # of -X importtime
            break
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert (process.returncode, [line for line in said.splitlines() if not line.startswith("import time")]) == (
        130,
        ["interrupted"],
    )
