"""Arrays between two processes over a pipe: a JSON header behind its length, then the arrays' bytes."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

_LENGTH = struct.Struct("<I")


@dataclass(frozen=True)
class Message:
    """What one process sends to another; ``kind`` says how to read the rest."""

    kind: str
    text: str = ""
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)


def send(stream: IO[bytes], message: Message) -> None:
    """Writes a message and flushes it."""
    arrays = [(name, np.ascontiguousarray(x)) for name, x in message.arrays.items()]
    described = [(name, x.dtype.str, x.shape) for name, x in arrays]
    header = json.dumps({"kind": message.kind, "text": message.text, "arrays": described}).encode()
    stream.write(_LENGTH.pack(len(header)) + header)
    for _, x in arrays:
        stream.write(x.tobytes())
    stream.flush()


def receive(stream: IO[bytes]) -> Message:
    """Reads the next message.

    Raises:
        EOFError: The other process has gone, also in the middle of a message.
    """
    header = json.loads(_exactly(stream, _LENGTH.unpack(_exactly(stream, _LENGTH.size))[0]))
    arrays = {}
    for name, dtype, shape in header["arrays"]:
        count = int(np.prod(shape, dtype=np.int64))
        data = _exactly(stream, count * np.dtype(dtype).itemsize)
        arrays[name] = np.frombuffer(data, dtype).reshape(shape)
    return Message(header["kind"], header["text"], arrays)


def _exactly(stream: IO[bytes], count: int) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise EOFError
    return data
