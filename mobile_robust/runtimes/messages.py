"""Messages between two processes of this package over a pipe."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO, Any

from numpy.typing import NDArray


@dataclass(frozen=True)
class Message:
    """What one process sends to another; ``kind`` says how to read the rest."""

    kind: str
    text: str = ""
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)


def send(stream: IO[bytes], message: Message) -> None:
    """Writes a message and flushes it."""
    pickle.dump(message, stream, protocol=5)
    stream.flush()


def receive(stream: IO[bytes]) -> Message:
    """Reads the next message.

    Raises:
        EOFError: The other process has gone, also in the middle of a message.
    """
    try:
        return pickle.load(stream)
    except pickle.UnpicklingError as error:
        raise EOFError from error
