"""A fake pymobiledevice3: modules, names and parameters are those of version 11, of which a test makes sure where that
is installed."""

from __future__ import annotations

import shutil
import sys
from collections.abc import AsyncIterator, Callable
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.bench.ios.fake_phone import BUNDLE, EXECUTABLE, FakeIphone, Refusal

ROOT = "pymobiledevice3"


class Exceptions(ModuleType):
    class PyMobileDevice3Exception(Exception):
        pass

    class PairingError(PyMobileDevice3Exception):
        pass

    class PasswordRequiredError(PairingError):
        pass

    class PairingDialogResponsePendingError(PairingError):
        pass

    class PasscodeRequiredError(PyMobileDevice3Exception):
        pass

    class NotTrustedError(PyMobileDevice3Exception):
        pass

    class NotPairedError(PyMobileDevice3Exception):
        pass

    class FatalPairingError(PyMobileDevice3Exception):
        pass

    class DeveloperModeIsNotEnabledError(PyMobileDevice3Exception):
        pass

    class NotEnoughDiskSpaceError(PyMobileDevice3Exception):
        pass

    class AppNotInstalledError(PyMobileDevice3Exception):
        pass

    class AppInstallError(PyMobileDevice3Exception):
        pass

    class UserspaceTunnelUnavailableError(PyMobileDevice3Exception):
        pass

    class AlreadyMountedError(PyMobileDevice3Exception):
        pass

    class ConnectionTerminatedError(PyMobileDevice3Exception):
        pass

    class ConnectionFailedToUsbmuxdError(PyMobileDevice3Exception):
        pass

    class AfcException(PyMobileDevice3Exception, OSError):
        def __init__(self, message: str, status: int | None, filename: str | None = None) -> None:
            super().__init__(message)
            self.status = status

    class AfcFileNotFoundError(AfcException):
        pass


E = Exceptions
_ERRORS: dict[str, Callable[[], Exception]] = {
    "locked": lambda: E.PyMobileDevice3Exception("Unable to launch: reason: Locked"),
    "developer": lambda: E.PyMobileDevice3Exception("its profile has not been explicitly trusted by the user"),
    "mode": E.DeveloperModeIsNotEnabledError,
    "unsigned": lambda: E.AppInstallError("ApplicationVerificationFailed: a valid provisioning profile was not found"),
    "full": lambda: E.AfcException("Write failed", 18),
    "no app": E.AppNotInstalledError,
    "no file": lambda: E.AfcFileNotFoundError("no such file", 8),
    "dropped": E.ConnectionTerminatedError,
    "gone": lambda: ConnectionResetError("Connection reset by peer"),
    "untrusted": E.PairingDialogResponsePendingError,
}


def _asked(action: Callable[[], Any]) -> Any:
    """What a phone answers, its refusals in the library's types."""
    try:
        return action()
    except Refusal as refusal:
        raise _ERRORS[refusal.kind]() from None


class _Context:
    """An asynchronous context manager of itself."""

    async def __aenter__(self) -> Any:
        return self

    async def __aexit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        pass


class MuxDevice:
    def __init__(self, serial: str, is_usb: bool = True) -> None:
        self.serial, self.is_usb = serial, is_usb


class LockdownClient(_Context):
    def __init__(self, phone: FakeIphone) -> None:
        self.fake = phone
        self.product_version, self.display_name = phone.version, "iPhone 14 Pro"
        self.all_values = {
            "ProductType": "iPhone15,2",
            "ProductVersion": phone.version,
            "BuildVersion": phone.build,
            "CPUArchitecture": "arm64e",
        }

    async def get_value(self, domain: str | None = None, key: str | None = None) -> Any:
        battery = {"BatteryCurrentCapacity": self.fake.battery, "ExternalConnected": self.fake.charging}
        return {
            ("com.apple.mobile.battery", None): battery,
            ("com.apple.disk_usage", "AmountDataAvailable"): self.fake.free,
        }[domain, key]

    async def get_developer_mode_status(self) -> bool:
        return self.fake.developer_mode


class _Service(_Context):
    def __init__(self, lockdown: LockdownClient) -> None:
        self.phone = lockdown.fake


class DiagnosticsService(_Service):
    async def get_battery(self) -> dict[str, Any]:
        return {"Temperature": self.phone.hundredths}


class InstallationProxyService(_Service):
    async def install_from_local(self, package_path: Path, developer: bool = False) -> None:
        assert developer
        _asked(lambda: self.phone.install(package_path))

    async def lookup(self, options: dict[str, Any] | None = None) -> dict[str, Any]:
        assert options == {"BundleIDs": [BUNDLE]}
        return {BUNDLE: {}} if self.phone.files.is_dir() else {}

    async def uninstall(self, bundle_identifier: str) -> None:
        assert bundle_identifier == BUNDLE
        _asked(self.phone.uninstall)


class OsTraceService(_Service):
    async def get_pid_list(self) -> dict[str, Any]:
        ours = {str(number): {"ProcessName": EXECUTABLE} for number in _asked(self.phone.pids)}
        return {"Payload": {"1": {"ProcessName": "launchd"}, **ours}}


class AfcService(_Context):
    def __init__(self, phone: FakeIphone) -> None:
        self.phone = phone

    def _path(self, name: str) -> Path:
        assert name.startswith("/Documents")
        return _asked(self.phone.inside) / name.removeprefix("/Documents").lstrip("/")

    async def walk(self, dirname: str) -> AsyncIterator[tuple[str, list[str], list[str]]]:
        inside = list(self._path(dirname).iterdir())
        folders = [path.name for path in inside if path.is_dir()]
        yield dirname, folders, [path.name for path in inside if path.is_file()]
        for name in folders:
            async for each in self.walk(f"{dirname}/{name}"):
                yield each

    async def stat(self, filename: str) -> dict[str, Any]:
        return {"st_size": self._path(filename).stat().st_size, "st_ifmt": "S_IFREG"}

    async def makedirs(self, filename: str) -> None:
        self._path(filename).mkdir(parents=True, exist_ok=True)

    async def push(self, local_path: str, remote_path: str, progress_bar: bool = True) -> None:
        assert not progress_bar and self._path(remote_path).parent.is_dir()
        name = remote_path.removeprefix("/Documents/")
        top, inside, _ = name.partition("/")
        if not inside or self.phone.pushes[-1:] != [top]:  # once a package
            self.phone.pushes.append(top)
        _asked(lambda: self.phone.take(name, Path(local_path).read_bytes()))

    async def get_file_contents(self, filename: str) -> bytes:
        return _asked(lambda: self.phone.give(filename.removeprefix("/Documents/")))

    async def rm(self, filename: str, force: bool = False) -> list[str]:
        assert force
        shutil.rmtree(self._path(filename), ignore_errors=True)
        return []


class HouseArrestService(AfcService):
    @classmethod
    async def create(cls, lockdown: LockdownClient, bundle_id: str, documents_only: bool = False) -> HouseArrestService:
        assert bundle_id == BUNDLE and documents_only
        _asked(lockdown.fake.inside)
        return cls(lockdown.fake)


class _CrashLogs:
    def __init__(self, phone: FakeIphone) -> None:
        self._phone = phone

    async def get_file_contents(self, filename: str) -> bytes:
        return _asked(self._phone.logs)[filename.lstrip("/")]


class CrashReportsManager(_Context):
    def __init__(self, lockdown: LockdownClient) -> None:
        self._phone, self.afc = lockdown.fake, _CrashLogs(lockdown.fake)

    async def flush(self) -> None:
        pass

    async def ls(self, path: str = "/") -> list[str]:
        return [f"/{name}" for name in _asked(self._phone.logs)]


class PreferredRsdTunnel(_Context):
    """As of iOS 17 developers' services are behind one; below, there is none."""

    phones: list[FakeIphone]
    open = 0

    def __init__(self, serial: str | None = None) -> None:
        (self._phone,) = [phone for phone in self.phones if phone.serial == serial]

    async def __aenter__(self) -> Any:
        assert int(self._phone.version.split(".")[0]) >= 17 and not PreferredRsdTunnel.open
        if self._phone.version.startswith(("17.0", "17.1", "17.2", "17.3")):
            raise E.UserspaceTunnelUnavailableError
        PreferredRsdTunnel.open += 1
        tunnel = LockdownClient(self._phone)
        tunnel.is_tunnel = True
        return tunnel

    async def __aexit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        PreferredRsdTunnel.open -= 1


async def auto_mount(lockdown: LockdownClient) -> None:
    raise E.AlreadyMountedError


class DvtProvider(_Context):
    def __init__(self, lockdown: LockdownClient) -> None:
        assert hasattr(lockdown, "is_tunnel") == (int(lockdown.product_version.split(".")[0]) >= 17)
        self.phone = lockdown.fake


class ProcessControl(_Context):
    def __init__(self, provider: DvtProvider) -> None:
        self._phone = provider.phone

    async def launch(self, bundle_id: str, kill_existing: bool = True) -> int:
        assert bundle_id == BUNDLE and kill_existing
        return _asked(self._phone.launch)

    async def kill(self, pid: int) -> None:
        """The library asks for no reply: a process that has ended by itself is no error."""
        _asked(lambda: self._phone.kill(pid))


def modules(phones: list[FakeIphone]) -> dict[str, dict[str, Any]]:
    """Module -> its names."""

    async def list_devices() -> list[MuxDevice]:
        if not all(phone.usbmuxd for phone in phones):
            raise E.ConnectionFailedToUsbmuxdError
        return [MuxDevice(phone.serial) for phone in phones if phone.connected]

    async def create_using_usbmux(serial: str | None = None, pair_timeout: float | None = None) -> LockdownClient:
        assert pair_timeout is not None
        (phone,) = [phone for phone in phones if phone.serial == serial]
        _asked(phone.check)
        return LockdownClient(phone)

    PreferredRsdTunnel.phones, PreferredRsdTunnel.open = phones, 0
    exceptions = {name: each for name, each in vars(Exceptions).items() if isinstance(each, type)}
    instruments = "services.dvt.instruments"
    return {
        "exceptions": exceptions,
        "usbmux": {"list_devices": list_devices},
        "lockdown": {"create_using_usbmux": create_using_usbmux},
        "services": {},
        "services.house_arrest": {"HouseArrestService": HouseArrestService},
        "services.installation_proxy": {"InstallationProxyService": InstallationProxyService},
        "services.diagnostics": {"DiagnosticsService": DiagnosticsService},
        "services.os_trace": {"OsTraceService": OsTraceService},
        "services.crash_reports": {"CrashReportsManager": CrashReportsManager},
        "services.mobile_image_mounter": {"auto_mount": auto_mount},
        "services.dvt": {},
        instruments: {},
        f"{instruments}.dvt_provider": {"DvtProvider": DvtProvider},
        f"{instruments}.process_control": {"ProcessControl": ProcessControl},
        "remote": {},
        "remote.rsd_tunnel": {"PreferredRsdTunnel": PreferredRsdTunnel},
    }


def install(phones: list[FakeIphone], monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts it where imports find it."""
    root = ModuleType(ROOT)
    root.__spec__ = ModuleSpec(ROOT, None, is_package=True)
    monkeypatch.setitem(sys.modules, ROOT, root)
    for name, contents in modules(phones).items():
        module = ModuleType(f"{ROOT}.{name}")
        vars(module).update(contents)
        monkeypatch.setitem(sys.modules, f"{ROOT}.{name}", module)
