"""devicectl's connection to one phone."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mobile_robust.bench.device.errors import DeviceError, DroppedError
from mobile_robust.bench.ios.app import App
from mobile_robust.bench.ios.devicectl import (
    QUICK_SECONDS,
    DevicectlError,
    NoFileError,
    devices,
    is_connected,
    is_connection,
    refusal,
    run,
    table,
    tables,
    text,
)
from mobile_robust.bench.ios.link import Facts, Link

#: Seconds until a copy or an installation counts as dropped.
_COPY_SECONDS, _INSTALL_SECONDS = 600, 240
_DOCUMENTS = "Documents"


class DevicectlLink(Link):
    """devicectl's connection to one phone.

    Args:
        program: ``xcrun``.
        serial: UDID of the phone.
    """

    def __init__(self, program: Path, serial: str) -> None:
        self._program, self.serial = program, serial

    def present(self) -> bool:
        device = devices(self._program).get(self.serial)
        return device is not None and is_connected(device)

    def facts(self) -> Facts:
        """Neither battery nor free space: devicectl has no command for them."""
        device = devices(self._program).get(self.serial)
        if device is None or not is_connected(device):
            raise DroppedError("devicectl does not see it")
        hardware, properties = table(device, "hardwareProperties"), table(device, "deviceProperties")
        trusts = table(device, "connectionProperties").get("pairingState") == "paired"
        model, mode = text(hardware, "productType"), properties.get("developerModeStatus")
        return Facts(
            name=text(hardware, "marketingName") or model,
            model=model,
            version=text(properties, "osVersionNumber"),
            build=text(properties, "osBuildUpdate"),
            abi=text(table(hardware, "cpuType"), "name") or "arm64",
            trusts=trusts,
            developer_mode=None if mode is None else mode == "enabled",
            locked=self._locked() if trusts else None,
        )

    def install(self, app: App) -> None:
        try:
            self._run("install app", str(app.path.resolve()), seconds=_INSTALL_SECONDS)
        except DroppedError as error:
            if is_connection(error) or not self.present():
                raise
            raise DeviceError(self.serial, f"cannot install the app: {error}") from None

    def uninstall(self, app: App) -> None:
        try:
            self._run("uninstall app", app.bundle)
        except DroppedError as error:
            if is_connection(error) or not self.present():
                raise  # else it was not there

    def sizes(self, app: App) -> dict[str, int]:
        result = self._run("info files", *_container(app), "--subdirectory", _DOCUMENTS)
        found = {}
        for file in tables(result, "files"):
            name = text(file, "relativePath").removeprefix(f"{_DOCUMENTS}/")
            bytes_ = table(file, "metadata").get("size")
            if type(bytes_) is int and not table(file, "resources").get("isDirectory"):
                found[name] = bytes_
        return found

    def push(self, app: App, local: Path, name: str) -> None:
        where = "--source", str(local.resolve()), "--destination", f"{_DOCUMENTS}/{name}"
        self._run("copy to", *_container(app), *where, seconds=_COPY_SECONDS)

    def pull(self, app: App, name: str) -> bytes | None:
        return self._pull(_container(app), f"{_DOCUMENTS}/{name}")

    def remove(self, app: App, name: str) -> None:
        """Nothing: devicectl cannot delete a file. What is left goes with the app, when it is removed."""

    def launch(self, app: App) -> None:
        self._run("process launch", "--terminate-existing", app.bundle)

    def processes(self, app: App) -> list[int]:
        end = f"/{app.executable}.app/{app.executable}"
        listed = tables(self._run("info processes"), "runningProcesses")
        numbers = [each.get("processIdentifier") for each in listed if text(each, "executable").endswith(end)]
        return [number for number in numbers if type(number) is int]

    def kill(self, processes: Sequence[int]) -> None:
        for number in processes:
            try:
                self._run("process terminate", "--pid", str(number), "--kill")
            except DroppedError as error:
                if is_connection(error) or not self.present():
                    raise  # else it has ended by itself

    def crash_logs(self) -> list[str]:
        listed = tables(self._run("info files", "--domain-type", "systemCrashLogs"), "files")
        return [text(file, "relativePath") for file in listed if text(file, "relativePath").endswith(".ips")]

    def crash_log(self, name: str) -> bytes | None:
        return self._pull(("--domain-type", "systemCrashLogs"), name)

    def _pull(self, domain: Sequence[str], source: str) -> bytes | None:
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "file"
            try:
                where = "--source", source, "--destination", str(target)
                self._run("copy from", *domain, *where, seconds=_COPY_SECONDS)
            except NoFileError:
                return None
            try:
                return target.read_bytes()
            except OSError as error:
                raise DroppedError(f"devicectl copied {source}, but left no file ({error.strerror})") from None

    def _locked(self) -> bool | None:
        try:
            state = self._run("info lockState")
        except DroppedError:
            return None  # some versions do not say
        return isinstance(state, dict) and (
            state.get("passcodeRequired") is True or state.get("unlockedSinceBoot") is False
        )

    def _run(self, command: str, *arguments: str, seconds: int = QUICK_SECONDS) -> Any:
        """A command on this phone, its errors in our types; what nobody knows counts as a connection that broke."""
        words = ("device", *command.split())
        try:
            return run(self._program, words, ("--device", self.serial, *arguments), seconds)
        except DevicectlError as error:
            raise refusal(error, self.serial) from None


def _container(app: App) -> tuple[str, ...]:
    return "--domain-type", "appDataContainer", "--domain-identifier", app.bundle
