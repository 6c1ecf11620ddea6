"""A fake phone: what an adb server finds on a TCP port."""

from __future__ import annotations

import os
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path

from tests.bench.android.fake_shell import Shell
from tests.bench.android.fake_wire import Connection, Stream
from tests.bench.device.app_host import AppHost

PROPERTIES = {
    "ro.build.version.release": "14",
    "ro.build.version.sdk": "34",
    "ro.product.cpu.abi": "arm64-v8a",
    "ro.product.cpu.abilist": "arm64-v8a,armeabi-v7a",
    "ro.product.manufacturer": "Double",
    "ro.product.model": "D-1",
}
#: Where the phone is.
ZONE = timezone(timedelta(hours=5, minutes=30))


class FakePhone(AppHost):
    """See :class:`AppHost`; events of its plan: "push" (in the middle of a file), "pushed", "cat NAME", "pm install",
    "am start", "run-as cp".

    Attributes:
        wired: Whether it is on a cable: its name is no address then, and adb's server finds it again by itself.
        trusted: Whether it knows this computer, else its owner is ``asked``, who lets it in where this has changed.
        answering: Whether it answers connections at all.
        refusal: What the package manager prints for an installation; None: Success.
        commands: Every line its shell was given.
        pushes: Every path that was pushed.
        surprises: What it was asked for and does not know.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.properties = dict(PROPERTIES)
        self.battery, self.powered, self.thermal, self.free_kilobytes = 80, True, 0, 10_000_000
        self.trusted = self.answering = True
        self.wired = False
        self.asked = 0
        self.refusal: str | None = None
        self.commands: list[str] = []
        self.pushes: list[str] = []
        self.surprises: list[Exception] = []
        self._crash_log = ""
        self._killed = {4710: datetime.now(ZONE) - timedelta(days=1)}  # when, by process
        self._connections: list[Connection] = []
        (root / "tmp").mkdir()
        self._listen(0)

    @property
    def serial(self) -> str:
        return f"emulator-{self.port - 1}" if self.wired else f"127.0.0.1:{self.port}"

    def drop(self, data: bytes = b"") -> bytes:
        """The cable is pulled, and put back at once."""
        for connection in self._connections:
            connection.drop()
        self._connections.clear()
        return data

    def unplug(self, data: bytes = b"") -> bytes:
        """The cable is pulled."""
        self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        return self.drop(data)

    def plug(self) -> None:
        """The cable is put back."""
        self._listen(self.port)

    def allow(self) -> None:
        """Its owner says yes."""
        self.trusted = True
        for connection in self._connections:
            connection.let_in()

    def close(self) -> None:
        """The phone is gone."""
        self.stop_app()
        with suppress(OSError):  # it was unplugged already
            self.unplug()

    def crashes(self) -> str:
        """Its crash log."""
        self.record_end()
        return self._crash_log

    def ends(self) -> str:
        """What ``dumpsys`` prints, since Android 11, of processes of the app that were killed; the last one first."""
        self.record_end()
        if int(self.properties["ro.build.version.sdk"]) < 30:
            return "Bad activity command, or no activities match: exit-info\n"
        records = [
            f"    ApplicationExitInfo #{number}:\n"
            f"      timestamp={when.isoformat(' ', 'milliseconds').split('+')[0]} pid={process} user=0\n"
            "      process=org.mobilerobust.bench reason=3 (LOW_MEMORY) subreason=0 (UNKNOWN) status=0 state=empty\n"
            for number, (process, when) in enumerate(reversed(self._killed.items()))
        ]
        return f"ACTIVITY MANAGER PROCESS EXIT INFO (dumpsys activity exit-info)\n{''.join(records)}"

    def record_end(self) -> None:
        """By its own signal, or without a crash log by Android's."""
        if self.app is None or (self.app.poll() or 0) >= 0:
            return
        if self.app.returncode == -signal.SIGKILL:
            self._killed.setdefault(self.app.pid, datetime.now(ZONE))
            return
        self._crash_log = (
            "F/DEBUG   (  999): *** *** ***\n"
            "F/DEBUG   (  999): pid: 4711, name: bench  >>> org.mobilerobust.bench <<<\n"
            f"F/DEBUG   (  999): signal {-self.app.returncode} in libtensorflowlite_jni.so\n"
        )

    def _ask(self) -> bool:
        self.asked += 1
        return self.trusted

    def _listen(self, port: int) -> None:
        self._door = socket.create_server(("127.0.0.1", port))
        self.port = self._door.getsockname()[1]
        threading.Thread(target=self._welcome, args=(self._door,), daemon=True).start()

    def _welcome(self, door: socket.socket) -> None:
        while True:
            try:
                caller, _ = door.accept()
            except OSError:
                return
            caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(caller, self._serve, lambda: self.trusted, self._ask, lambda: self.answering)
            self._connections.append(connection)
            threading.Thread(target=connection.run, daemon=True).start()

    def _serve(self, service: str, stream: Stream) -> None:
        if service.startswith("shell,v2"):
            command = service.split(":", 1)[1]
            self.commands.append(command)
            try:
                output, errors, code = Shell(self).line(command)
            except Exception as surprise:
                self.surprises.append(surprise)
                raise
            for kind, data in ((1, output), (2, errors), (3, bytes([code]))):
                if data:
                    stream.write(struct.pack("<BI", kind, len(data)) + data)
        elif service == "sync:":
            self._sync(stream)

    def _sync(self, stream: Stream) -> None:
        """STAT and SEND of the sync service."""
        while True:
            what, length = struct.unpack("<4sI", stream.read(8))
            if what == b"STAT":
                path = self.path(stream.read(length).decode())
                found = path.stat() if path.exists() else None
                facts = (found.st_mode, found.st_size, int(found.st_mtime)) if found else (0, 0, 0)
                stream.write(b"STAT" + struct.pack("<3I", *facts))
            elif what == b"SEND":
                name = stream.read(length).decode().rpartition(",")[0]
                self.pushes.append(name)
                if error := self._take(name, stream):
                    stream.write(b"FAIL" + struct.pack("<I", len(error)) + error)
                else:
                    stream.write(b"OKAY" + struct.pack("<I", 0))
            else:  # QUIT
                return

    def _take(self, name: str, stream: Stream) -> bytes:
        """A pushed file; gives the error message, if there is one."""
        content = b""
        while True:
            kind, length = struct.unpack("<4sI", stream.read(8))
            if kind == b"DONE":
                break
            content += stream.read(length)
            self.happening("push")
        target = self.path(name)
        assert target.parent.is_dir(), name
        if len(content) > 1024 * self.free_kilobytes:
            return b"No space left on device"
        target.write_bytes(self.happening("pushed", content))
        target.chmod(0o600)
        return b""

    def path(self, name: str) -> Path:
        """Where a path that adb may see is stored."""
        for there, here in (("/data/local/tmp/", "tmp"), ("/data/app/", "apk")):
            if name.startswith(there):
                return self.root / here / name.removeprefix(there)
        raise ValueError(f"the phone has no {name}")


#: Makes phones with some of these attributes.
Make = Callable[..., FakePhone]


def wait_for(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Raises TimeoutError where it does not come true."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.02)


def plugged_in(phone: FakePhone, server: int) -> None:
    """Tells adb's server of a phone on a cable, as an emulator does of itself; so far it is the only one that can."""
    with socket.create_connection(("127.0.0.1", server)) as line:
        service = f"host:emulator:{phone.port}"
        line.sendall(f"{len(service):04x}{service}".encode())
        line.recv(1)  # the end


def own_server(folder: Path) -> dict[str, str]:
    """Environment of an adb with a server and keys of its own, which looks for no other device."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    folder.mkdir()
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {
        **kept,
        "HOME": str(folder),
        "ANDROID_USER_HOME": str(folder),
        "ANDROID_ADB_SERVER_PORT": str(port),
        "ADB_LOCAL_TRANSPORT_MAX_PORT": "5553",  # below the first port an emulator would have
        "ADB_MDNS_AUTO_CONNECT": "0",
    }
