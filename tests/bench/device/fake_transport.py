"""A device without a connection that could break, of a platform of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from mobile_robust.bench.device.errors import DeviceError
from mobile_robust.bench.device.transport import DeviceFile, DeviceRuntime, DeviceTransport, Platform
from mobile_robust.contracts.result import Device
from mobile_robust.files import sha256
from tests.bench.device.app_host import AppHost

#: Neither its files nor its runtime are Android's.
PLATFORM = Platform(
    name="ios",
    runtimes=(DeviceRuntime("tflite_cpu", "cpu", "1.0", ".model"),),
    max_thermal_status=1,
    file_problems=lambda _: [],
)


class FakeTransport(AppHost, DeviceTransport):
    """See :class:`AppHost`; events of its plan are "read NAME". ``problem``: why it cannot be measured on."""

    platform = PLATFORM
    serial = "fake-1"

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.script = {"platform": "ios", "version": "1.0"}
        self.problem: str | None = None
        self.free: int | None = None
        self.puts: list[str] = []
        self._log = ""

    def describe(self) -> Device:
        return Device(name="Fake F-1", os="Fake 1", abi="arm64", cpus=())

    def preflight(self) -> None:
        if self.problem:
            raise DeviceError(self.serial, self.problem)

    def install(self) -> None:
        self.files.mkdir(parents=True, exist_ok=True)

    def uninstall(self) -> None:
        shutil.rmtree(self.files.parent)

    def free_bytes(self) -> int | None:
        return self.free

    def missing(self, files: Iterable[DeviceFile]) -> list[DeviceFile]:
        return [file for file in files if not (self.files / file.name).exists()]

    def put(self, file: DeviceFile, name: str | None = None) -> None:
        assert sha256(file.path) == file.sha256
        self.puts.append(name or file.name)
        shutil.copy(file.path, self.files / self.puts[-1])

    def read(self, name: str) -> bytes | None:
        path = self.files / name
        return self.happening(f"read {path.name}", path.read_bytes()) if path.exists() else None

    def remove(self, name: str) -> None:
        shutil.rmtree(self.files / name, ignore_errors=True)

    def start(self, job: str, begun: str) -> None:
        if self.read(begun) is None:
            self.start_app(job)

    def stop(self) -> None:
        self.stop_app()

    def running(self) -> bool:
        return self.app_runs()

    def clock(self) -> int:
        self._log = ""
        return 1

    def diagnose(self, since: int) -> str:
        self.record_end()
        return self._log

    def record_end(self) -> None:
        if self.app is not None and (self.app.poll() or 0) < 0:
            self._log = f"signal {-self.app.returncode} in libruntime.so"
