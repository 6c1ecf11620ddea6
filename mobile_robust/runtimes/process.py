"""A process that replies to messages: a module run with ``python -m`` that speaks them on stdin and stdout."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Timer
from typing import IO, TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from mobile_robust.documents import parse_json
from mobile_robust.runtimes.base import Arrays, EngineError, Session

if TYPE_CHECKING:
    from mobile_robust.tflite.file import TfliteFile

_LENGTH = struct.Struct("<I")
#: The most seconds that a reply may take: many times a frame of 1920x1080 on a GPU in software, or a network on an
#: emulated phone. A file that computes for longer is an error, not a program that never ends.
_MOST_SECONDS = 1800.0


@dataclass(frozen=True)
class Message:
    """What one process sends to another; ``kind`` says how to read the rest."""

    kind: str
    text: str = ""
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)


def send(stream: IO[bytes], message: Message) -> None:
    """Writes a message and flushes it: a JSON header behind its length, then the arrays' bytes."""
    arrays = {name: np.ascontiguousarray(x) for name, x in message.arrays.items()}
    described = [(name, x.dtype.str, x.shape) for name, x in arrays.items()]
    header = json.dumps([message.kind, message.text, described]).encode()
    stream.write(_LENGTH.pack(len(header)) + header)
    for x in arrays.values():
        stream.write(x.tobytes())
    stream.flush()


def receive(stream: IO[bytes]) -> Message:
    """The next message. Raises EOFError where the other process has gone, also in the middle of a message."""
    kind, text, described = parse_json(_exactly(stream, *_LENGTH.unpack(_exactly(stream, _LENGTH.size))))
    arrays = {}
    for name, dtype, shape in described:
        data = _exactly(stream, math.prod(shape) * np.dtype(dtype).itemsize)
        arrays[name] = np.frombuffer(data, dtype).reshape(shape)
    return Message(kind, text, arrays)


def _exactly(stream: IO[bytes], count: int) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise EOFError
    return data


def launch(module: str, arguments: Sequence[str], variables: Mapping[str, str]) -> dict[str, Any]:
    """Arguments for ``subprocess`` that start a module of this package with environment variables added."""
    package_root = str(Path(__file__).resolve().parents[2])
    search = os.pathsep.join(filter(None, [package_root, os.environ.get("PYTHONPATH")]))
    return {
        "args": [sys.executable, "-m", module, *arguments],
        "env": {**os.environ, **variables, "PYTHONPATH": search},
    }


def reply_stream() -> BinaryIO:
    """The worker's side: where its messages go.

    Whatever a native library prints on descriptor 1 must not fall between them, so it goes where errors go.
    """
    stream = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return stream


def serve(stream: BinaryIO, reply: Callable[[Message], Message]) -> None:
    """The worker's side: replies to messages, or with the error of ``reply``, until the other process has gone."""
    with suppress(EOFError):
        while True:
            request = receive(sys.stdin.buffer)
            try:
                message = reply(request)
            except (RuntimeError, ValueError) as error:
                message = Message("error", str(error))
            send(stream, message)


class Worker:
    """Starts a process and talks to it. It takes the arguments of ``subprocess`` that :func:`launch` gives."""

    def __init__(self, args: Sequence[str], env: Mapping[str, str]) -> None:
        #: Without a name: a kill leaves nothing of it.
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # open as long as the process, see close()
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(args, env=env, stdin=pipe, stdout=pipe, stderr=self._log)

    def ask(self, message: Message) -> Message:
        """The process's reply; of kind "error" where it died, or did not reply in time."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # receive() says why the process is gone
            send(self._process.stdin, message)
        return self.receive()

    def receive(self) -> Message:
        """What the process sends of itself; of kind "error" with how it ended where it ended."""
        assert self._process.stdout is not None
        timer = Timer(_MOST_SECONDS, self._process.kill)
        timer.start()
        try:
            return receive(self._process.stdout)
        except EOFError:
            code = self._process.wait()
            if timer.finished.is_set():
                return Message("error", f"the engine did not reply in {_MOST_SECONDS:g} s")
            how = f"crashed ({signal.Signals(-code).name})" if code < 0 else f"ended with exit code {code}"
            return Message("error", f"the engine's process {how}. {_last_lines(self.log())}".rstrip())
        finally:
            timer.cancel()

    def log(self) -> str:
        """What it has printed so far."""
        end = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), end, 0).decode(errors="replace")  # the process writes where this would seek

    def close(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.communicate()
        self._log.close()


class WorkerSession(Session):
    """A TFLite file that a worker has opened: it gets inputs and gives outputs by name, in the file's own types.

    ``engine`` is its name in error messages; the worker is closed with the session.
    """

    def __init__(self, file: TfliteFile, worker: Worker, engine: str) -> None:
        self._file, self._worker, self._engine = file, worker, engine

    def write(self, inputs: Mapping[str, NDArray[Any]]) -> None:
        try:
            self._stored = {name: tensor.quantize(inputs[name]) for name, tensor in self._file.inputs.items()}
        except TypeError as error:  # strings and other types that NumPy has not
            raise EngineError(f"{self._file.path}: {self._engine} failed: {error}") from None

    def run(self) -> None:
        self._outputs = self.ask("inputs").arrays

    def ask(self, kind: str) -> Message:
        """The worker's reply to a message of some kind with the inputs.

        Raises:
            EngineError: It failed there.
        """
        reply = self._worker.ask(Message(kind, arrays=self._stored))
        if reply.kind == "error":
            raise EngineError(f"{self._file.path}: {self._engine} failed: {reply.text}")
        return reply

    def read(self) -> Arrays:
        return {name: tensor.dequantize(self._outputs[name]) for name, tensor in self._file.outputs.items()}

    def close(self) -> None:
        self._worker.close()


def _last_lines(log: str, count: int = 3) -> str:
    """The end of the engine's log without the lines that only inform."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return " | ".join([line for line in lines if not re.match(r"INFO|WARNING|I\d{4} |.*openvino", line)][-count:])
