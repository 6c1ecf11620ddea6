"""The phone's end of the ADB protocol on a TCP socket: packets, who may connect, and streams."""

from __future__ import annotations

import os
import queue
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress

_NAMES = (b"CNXN", b"AUTH", b"OPEN", b"OKAY", b"CLSE", b"WRTE")
CNXN, AUTH, OPEN, OKAY, CLSE, WRTE = (int.from_bytes(name, "little") for name in _NAMES)
_TOKEN, _SIGNATURE, _PUBLIC_KEY = 1, 2, 3
_VERSION, _MAX_DATA = 0x01000001, 256 * 1024
_HEADER = struct.Struct("<6I")
_BANNER = b"device::ro.product.name=fake;ro.product.model=Fake;ro.product.device=fake;features=shell_v2,cmd"


class Stream:
    """One service the client has opened. What it sends is read like a file; every write waits to be taken."""

    def __init__(self, connection: Connection, ours: int, theirs: int) -> None:
        self._connection, self.ours, self.theirs = connection, ours, theirs
        self.arrived: queue.Queue[bytes | None] = queue.Queue()
        self.taken = threading.Semaphore(0)
        self._rest = b""

    def read(self, count: int) -> bytes:
        """Exactly so many bytes.

        Raises:
            EOFError: The other end is gone.
        """
        while len(self._rest) < count:
            if (more := self.arrived.get()) is None:
                raise EOFError
            self._rest += more
        data, self._rest = self._rest[:count], self._rest[count:]
        return data

    def write(self, data: bytes) -> None:
        """Raises EOFError where nobody takes it."""
        for start in range(0, len(data), _MAX_DATA):
            self._connection.send(WRTE, self.ours, self.theirs, data[start : start + _MAX_DATA])
            if self._connection.gone or not self.taken.acquire(timeout=30) or self._connection.gone:
                raise EOFError

    def close(self) -> None:
        """No more will come."""
        self._connection.send(CLSE, self.ours, self.theirs)


class Connection:
    """One adb server that is connected.

    Args:
        socket: Of it.
        serve: Answers a service: "shell,v2,raw:ls", "sync:"; called in a thread of its own for each stream.
        known: Whether the phone knows this computer's key.
        trusted: Asks the phone's owner, who says yes to the key of this computer, or nothing.
        answering: Whether the phone answers at all.
    """

    def __init__(
        self,
        socket: socket.socket,
        serve: Callable[[str, Stream], None],
        known: Callable[[], bool],
        trusted: Callable[[], bool],
        answering: Callable[[], bool],
    ) -> None:
        self._socket, self._serve = socket, serve
        self._known, self._trusted, self._answering = known, trusted, answering
        self._received = socket.makefile("rb")
        self._streams: dict[int, Stream] = {}
        self._sending = threading.Lock()
        self.gone = False

    def send(self, command: int, first: int, second: int, data: bytes = b"") -> None:
        """One packet."""
        header = _HEADER.pack(command, first, second, len(data), sum(data) & 0xFFFFFFFF, command ^ 0xFFFFFFFF)
        with self._sending, suppress(OSError):
            self._socket.sendall(header + data)

    def let_in(self) -> None:
        """From now on it may open streams."""
        self.send(CNXN, _VERSION, _MAX_DATA, _BANNER)

    def drop(self) -> None:
        """The cable is pulled."""
        self.gone = True
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def run(self) -> None:
        """Until the other end leaves."""
        try:
            while True:
                command, first, second, length, _, _ = _HEADER.unpack(self._received.read(_HEADER.size))
                self._packet(command, first, second, self._received.read(length))
        except (OSError, ValueError, struct.error):  # it is gone, or was dropped
            pass
        finally:
            self.drop()
            for stream in list(self._streams.values()):
                stream.arrived.put(None)
                stream.taken.release()

    def _packet(self, command: int, first: int, second: int, data: bytes) -> None:
        if not self._answering():
            return
        if command == AUTH and first == _SIGNATURE and self._known():  # adb never lists it as unauthorized
            self.let_in()
        elif command == CNXN or (command == AUTH and first == _SIGNATURE):
            self.send(AUTH, _TOKEN, 0, os.urandom(20))
        elif command == AUTH and first == _PUBLIC_KEY:
            if self._trusted():
                self.let_in()
        elif command == OPEN:
            stream = Stream(self, len(self._streams) + 1, first)
            self._streams[stream.ours] = stream
            self.send(OKAY, stream.ours, stream.theirs)
            service = data.rstrip(b"\0").decode()
            threading.Thread(target=self._answer, args=(service, stream), daemon=True).start()
        elif command == WRTE:
            self._streams[second].arrived.put(data)
            self.send(OKAY, second, first)
        elif command == OKAY:
            self._streams[second].taken.release()
        elif command == CLSE and second in self._streams:
            self._streams[second].arrived.put(None)

    def _answer(self, service: str, stream: Stream) -> None:
        try:
            with suppress(EOFError):
                self._serve(service, stream)
        finally:  # also where the phone has no such command, which pytest tells
            stream.close()
