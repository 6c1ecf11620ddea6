"""An iPhone: the app on it, and files the app keeps by their hash.

Every step may be repeated without harm, and is where the connection broke.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar

from mobile_robust.bench.device.errors import DeviceError, LostError
from mobile_robust.bench.device.retry import retry
from mobile_robust.bench.device.transport import DeviceFile, DeviceTransport
from mobile_robust.bench.ios import preflight
from mobile_robust.bench.ios.app import App
from mobile_robust.bench.ios.diagnose import MEMORY_LOG, crash_report
from mobile_robust.bench.ios.link import Link
from mobile_robust.bench.ios.platform import IOS
from mobile_robust.contracts.result import Device
from mobile_robust.files import sha256, size

#: A file that arrives changed is pushed so often.
_PUSHES = 2
#: Crash logs appear a while after the crash: they are looked for so often, so many seconds apart.
_LOOKS, _LOOK_SECONDS = 4, 1.5

_T = TypeVar("_T")


class IosTransport(DeviceTransport):
    """A phone that a program is connected to.

    Args:
        link: The connection.
        app: The app for it, signed.
        placement: Whether other compute units than the CPU are asked for, which old phones say nothing of.
        reconnect: Seconds the phone is awaited after the connection broke.
        pause: Waits so many seconds.
        notify: Called with what is done, such as waiting for the phone.
    """

    platform = IOS

    def __init__(
        self,
        link: Link,
        app: App,
        placement: bool,
        reconnect: float,
        pause: Callable[[float], None],
        notify: Callable[[str], None],
    ) -> None:
        self._link, self._app, self._placement = link, app, placement
        self._reconnect_seconds, self._pause, self._notify = reconnect, pause, notify
        self._known_logs: set[str] = set()
        self._whole: set[str] = set()  # files that were found to be whole
        self.serial = link.serial

    def describe(self) -> Device:
        return preflight.describe(self._retry(self._link.facts))

    def preflight(self) -> None:
        preflight.check(self.serial, self._retry(self._link.facts), self._placement)

    def install(self) -> None:
        """Whatever version is there: it takes seconds, and its files stay."""
        self.require_space(2 * size(self._app.path))  # the file, and the app made of it
        self._notify("installing the app")
        self._retry(lambda: self._link.install(self._app))

    def uninstall(self) -> None:
        self._retry(lambda: self._link.uninstall(self._app))

    def free_bytes(self) -> int | None:
        return self._retry(self._link.facts).free_bytes

    def missing(self, files: Iterable[DeviceFile]) -> list[DeviceFile]:
        """Those of the right sizes are read back once: a phone cannot be asked for hashes."""
        there = self._retry(lambda: self._link.sizes(self._app))
        return [file for file in files if not self._has(file, there)]

    def put(self, file: DeviceFile, name: str | None = None) -> None:
        self._retry(lambda: self._put(file, name or file.name))

    def read(self, name: str) -> bytes | None:
        return self._retry(lambda: self._link.pull(self._app, name))

    def remove(self, name: str) -> None:
        self._retry(lambda: self._link.remove(self._app, name))

    def start(self, job: str, begun: str) -> None:
        """The app takes the one job that it knows, ``job``, whenever it comes to the front."""
        self._retry(lambda: self._start(begun))

    def stop(self) -> None:
        self._retry(lambda: self._link.kill(self._link.processes(self._app)))

    def running(self) -> bool:
        return bool(self._retry(lambda: self._link.processes(self._app)))

    def clock(self) -> int:
        """The phone says no time that its logs could be compared with: those that are there now are old."""
        self._known_logs = set(self._retry(self._link.crash_logs))
        return 0

    def diagnose(self, since: int) -> str:
        for look in range(_LOOKS):
            self._pause(_LOOK_SECONDS if look else 0)
            names = sorted(set(self._retry(self._link.crash_logs)) - self._known_logs)
            for name in names:
                if not Path(name).name.startswith((self._app.executable, MEMORY_LOG)):
                    continue
                log = self._retry(partial(self._link.crash_log, name))
                if report := crash_report(log or b"", self._app.executable):
                    return report
        return ""

    def _put(self, file: DeviceFile, target: str) -> None:
        for _ in range(_PUSHES):
            self._link.push(self._app, file.path, target)
            if self._is_whole(file, target):
                self._whole.add(target)
                return
        raise DeviceError(
            self.serial, f"{file.path.name} arrived changed twice, as {target}: try another cable or port"
        )

    def _has(self, file: DeviceFile, sizes: Mapping[str, int]) -> bool:
        if any(sizes.get(name) != bytes_ for name, _, bytes_ in _members(file, file.name)):
            return False
        if file.name not in self._whole and self._retry(lambda: self._is_whole(file, file.name)):
            self._whole.add(file.name)
        return file.name in self._whole

    def _is_whole(self, file: DeviceFile, target: str) -> bool:
        """Whether a file is on the phone as it is here."""
        for name, path, _ in _members(file, target):
            got = self._link.pull(self._app, name)
            if got is None or hashlib.sha256(got).hexdigest() != sha256(path):
                return False
        return True

    def _start(self, begun: str) -> None:
        if self._link.pull(self._app, begun) is None:  # else the connection broke after it had begun
            self._link.launch(self._app)

    def _retry(self, action: Callable[[], _T]) -> _T:
        return retry(self.serial, action, self._reconnect)

    def _reconnect(self) -> None:
        self._notify("connection lost, waiting for the phone")
        end = time.monotonic() + self._reconnect_seconds
        self._pause(0.5)
        while not self._link.present():
            if time.monotonic() > end:
                raise LostError(
                    self.serial,
                    f"the connection broke and the phone did not come back within {self._reconnect_seconds:.0f} s; "
                    "nothing measured is lost: check cable and port, and give the same command again",
                )
            self._pause(0.5)


def _members(file: DeviceFile, name: str) -> list[tuple[str, Path, int]]:
    """Name on the phone, path here and bytes of a file, or of each file of a folder, which has a ``name`` there."""
    if not file.path.is_dir():
        return [(name, file.path, file.path.stat().st_size)]
    inside = sorted(path for path in file.path.rglob("*") if path.is_file())
    return [(f"{name}/{path.relative_to(file.path).as_posix()}", path, path.stat().st_size) for path in inside]
