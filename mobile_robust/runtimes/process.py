"""A process that replies to messages: a module run with ``python -m`` that speaks them on stdin and stdout."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from mobile_robust.runtimes.messages import Message, receive, send


def launch(module: str, arguments: Sequence[str], variables: Mapping[str, str]) -> dict[str, Any]:
    """Arguments for ``subprocess`` that start a module of this package with environment variables added."""
    package_root = str(Path(__file__).resolve().parents[2])
    search = os.pathsep.join(filter(None, [package_root, os.environ.get("PYTHONPATH")]))
    return {
        "args": [sys.executable, "-m", module, *arguments],
        "env": {**os.environ, **variables, "PYTHONPATH": search},
    }


Launcher = Callable[[str, Sequence[str], Mapping[str, str]], dict[str, Any]]


def reply_stream() -> BinaryIO:
    """The worker's side: where its messages go.

    Whatever a native library prints on descriptor 1 must not fall between them, so it goes where errors go.
    """
    stream = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return stream


class Worker:
    """Starts a module and talks to it.

    Args:
        module: See :func:`launch`.
        arguments: Of its command line.
        variables: Added to its environment.
        launcher: Gives the arguments for ``subprocess``: on this machine, or on an emulated one.
    """

    def __init__(
        self, module: str, arguments: Sequence[str], variables: Mapping[str, str], launcher: Launcher = launch
    ) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._log = Path(self._folder.name) / "log"
        started = launcher(module, arguments, variables)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                started["args"], env=started["env"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
            )

    def send(self, message: Message) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # receive() says why the process is gone
            send(self._process.stdin, message)

    def receive(self) -> Message:
        """The process's next message; of kind "error" with how it died where it died."""
        assert self._process.stdout is not None
        try:
            return receive(self._process.stdout)
        except EOFError:
            code = self._process.wait()
            how = f"crashed ({signal.Signals(-code).name})" if code < 0 else f"ended with exit code {code}"
            return Message("error", f"the engine's process {how}. {_last_lines(self.log())}".rstrip())

    def log(self) -> str:
        """What it has printed so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def close(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.communicate()
        self._folder.cleanup()


def _last_lines(log: str, count: int = 3) -> str:
    """The end of the engine's log without the lines that only inform."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return " | ".join([line for line in lines if not re.match(r"INFO|WARNING|I\d{4} |.*openvino", line)][-count:])
