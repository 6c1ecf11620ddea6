"""``pymobiledevice3``, a Python library (GPL, the extra ``ios``), which speaks to iPhones from any computer.

Each step opens a connection of its own: the phone is on a cable, so that this costs milliseconds, and no state is left
where a cable is pulled. Starting and ending an app are developers' services: as of iOS 17 they are reached by a tunnel
in this process, of which there can be only one at a time.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from mobile_robust.bench.device.errors import DeviceError, DroppedError, StorageFullError
from mobile_robust.bench.device.words import parse_line
from mobile_robust.bench.ios import preflight
from mobile_robust.bench.ios.app import App
from mobile_robust.bench.ios.link import Facts, Link
from mobile_robust.errors import InputError

#: Seconds until a step that should be quick, one on large files or a developers' service counts as dropped.
_QUICK_SECONDS, _COPY_SECONDS, _DEVELOPER_SECONDS = 30.0, 600.0, 120.0
#: Seconds the owner has for an answer to the question of trust before the command says what to do.
_TRUST_SECONDS = 3.0
_DOCUMENTS = "/Documents"
#: AfcError.NO_SPACE_LEFT.
_NO_SPACE = 18
_TUNNEL = threading.Lock()

_T = TypeVar("_T")


def is_installed() -> bool:
    """Whether the library is."""
    return find_spec("pymobiledevice3") is not None


def devices() -> list[str]:
    """UDIDs of the phones that usbmuxd knows, those on a cable first. Raises InputError where it does not answer."""
    try:
        found = _run(lambda: _library("usbmux").list_devices(), _QUICK_SECONDS)
    except (DroppedError, _library("exceptions").PyMobileDevice3Exception, OSError) as error:
        raise InputError(f"pymobiledevice3 cannot list phones: {parse_line(str(error))}") from None
    return list(dict.fromkeys(device.serial for device in sorted(found, key=lambda device: not device.is_usb)))


class PymobiledeviceLink(Link):
    """The library's connection to one phone.

    Args:
        serial: UDID of the phone.
    """

    def __init__(self, serial: str) -> None:
        self.serial = serial

    def present(self) -> bool:
        return self.serial in devices()

    def facts(self) -> Facts:
        """Whether it is locked is only said by a step that needs it unlocked."""
        try:
            return self._do(_facts)
        except _UntrustedError:
            return Facts(name=self.serial, model="?", version="?", build="?", trusts=False)

    def install(self, app: App) -> None:
        async def install(phone: Any) -> None:
            async with _service(phone, "installation_proxy", "InstallationProxyService") as proxy:
                await proxy.install_from_local(app.path, developer=True)

        self._do(install, _COPY_SECONDS)

    def uninstall(self, app: App) -> None:
        async def uninstall(phone: Any) -> None:
            async with _service(phone, "installation_proxy", "InstallationProxyService") as proxy:
                if await proxy.lookup({"BundleIDs": [app.bundle]}):
                    await proxy.uninstall(app.bundle)

        self._do(uninstall, _COPY_SECONDS)

    def sizes(self, app: App) -> dict[str, int]:
        async def sizes(files: Any) -> dict[str, int]:
            found = {}
            async for folder, _, names in files.walk(_DOCUMENTS):
                for name in names:
                    path = f"{folder}/{name}"
                    found[path.removeprefix(f"{_DOCUMENTS}/")] = int((await files.stat(path))["st_size"])
            return found

        return self._with_files(app, sizes)

    def push(self, app: App, local: Path, name: str) -> None:
        async def push(files: Any) -> None:
            whole = sorted(local.rglob("*")) if local.is_dir() else [local]
            for path in (path for path in whole if path.is_file()):
                inside = "" if path == local else f"/{path.relative_to(local).as_posix()}"
                target = f"{_DOCUMENTS}/{name}{inside}"
                await files.makedirs(target.rpartition("/")[0])
                await files.push(str(path), target, progress_bar=False)

        self._with_files(app, push)

    def pull(self, app: App, name: str) -> bytes | None:
        return self._with_files(app, lambda files: _content(files, f"{_DOCUMENTS}/{name}"))

    def remove(self, app: App, name: str) -> None:
        self._with_files(app, lambda files: files.rm(f"{_DOCUMENTS}/{name}", force=True))

    def launch(self, app: App) -> None:
        async def launch(phone: Any) -> None:
            async with _process_control(phone, self.serial) as control:
                await control.launch(app.bundle, kill_existing=True)

        with _TUNNEL:
            self._do(launch, _DEVELOPER_SECONDS)

    def processes(self, app: App) -> list[int]:
        async def processes(phone: Any) -> list[int]:
            async with _service(phone, "os_trace", "OsTraceService") as trace:
                listed = (await trace.get_pid_list())["Payload"]
            return [int(number) for number, known in listed.items() if known.get("ProcessName") == app.executable]

        return self._do(processes)

    def kill(self, processes: Sequence[int]) -> None:
        if not processes:
            return

        async def kill(phone: Any) -> None:
            async with _process_control(phone, self.serial) as control:
                for number in processes:
                    await control.kill(number)

        with _TUNNEL:
            self._do(kill, _DEVELOPER_SECONDS)

    def crash_logs(self) -> list[str]:
        async def names(phone: Any) -> list[str]:
            async with _library("services.crash_reports").CrashReportsManager(phone) as manager:
                await manager.flush()
                return [name for name in await manager.ls("/") if name.endswith(".ips")]

        return self._do(names)

    def crash_log(self, name: str) -> bytes | None:
        async def content(phone: Any) -> bytes | None:
            async with _library("services.crash_reports").CrashReportsManager(phone) as manager:
                return await _content(manager.afc, name)

        return self._do(content)

    def _with_files(self, app: App, action: Callable[[Any], Coroutine[Any, Any, _T]]) -> _T:
        """What is done with AFC's file system of the app's documents."""

        async def act(phone: Any) -> _T:
            service = _library("services.house_arrest").HouseArrestService
            async with await service.create(phone, app.bundle, documents_only=True) as files:
                return await action(files)

        return self._do(act, _COPY_SECONDS)

    def _do(self, action: Callable[[Any], Coroutine[Any, Any, _T]], seconds: float = _QUICK_SECONDS) -> _T:
        async def act() -> _T:
            create = _library("lockdown").create_using_usbmux
            async with await create(serial=self.serial, pair_timeout=_TRUST_SECONDS) as phone:
                return await action(phone)

        with self._typed_errors():
            return _run(act, seconds)

    @contextmanager
    def _typed_errors(self) -> Iterator[None]:
        """The library's errors as ours; what nobody knows counts as a connection that broke."""
        known = _library("exceptions")
        try:
            yield
        except (known.PasswordRequiredError, known.PasscodeRequiredError):
            raise preflight.locked(self.serial) from None
        except (known.PairingError, known.NotTrustedError, known.NotPairedError, known.FatalPairingError):
            raise _UntrustedError(self.serial) from None
        except known.DeveloperModeIsNotEnabledError:
            raise preflight.without_developer_mode(self.serial) from None
        except known.NotEnoughDiskSpaceError:
            raise StorageFullError(self.serial) from None
        except known.AppNotInstalledError:
            raise DeviceError(self.serial, "the app is not there any more: give the command again") from None
        except known.AppInstallError as error:
            if "space" in str(error).lower():
                raise StorageFullError(self.serial) from None
            raise DeviceError(self.serial, f"cannot install the app: {parse_line(str(error))}") from None
        except known.UserspaceTunnelUnavailableError:
            raise DeviceError(
                self.serial, "iOS 17.0 to 17.3 lets only a Mac start an app: update it to 17.4, or use a Mac"
            ) from None
        except known.AfcException as error:
            if error.status == _NO_SPACE:
                raise StorageFullError(self.serial) from None
            raise DroppedError(parse_line(str(error))) from None
        except (known.PyMobileDevice3Exception, OSError, EOFError) as error:
            if "explicitly trusted" in str(error):
                raise preflight.untrusted_developer(self.serial) from None
            if "locked" in str(error).lower():
                raise preflight.locked(self.serial) from None
            raise DroppedError(parse_line(f"{type(error).__name__}: {error}")) from None


class _UntrustedError(DeviceError):
    """See :func:`preflight.untrusted`."""

    def __init__(self, serial: str) -> None:
        Exception.__init__(self, str(preflight.untrusted(serial)))


def _library(module: str) -> Any:
    return import_module(f"pymobiledevice3.{module}")


def _run(action: Callable[[], Coroutine[Any, Any, _T]], seconds: float) -> _T:
    async def bounded() -> _T:
        return await asyncio.wait_for(action(), seconds)

    try:
        return asyncio.run(bounded())
    except asyncio.TimeoutError:
        raise DroppedError(f"no answer within {seconds:.0f} s") from None
    except _library("exceptions").ConnectionFailedToUsbmuxdError:
        raise InputError(
            "usbmuxd does not answer, through which iPhones are reached: apt-get install usbmuxd (on Windows: iTunes)"
        ) from None


def _service(phone: Any, module: str, name: str) -> Any:
    return getattr(_library(f"services.{module}"), name)(phone)


async def _facts(phone: Any) -> Facts:
    values = phone.all_values
    version = str(values.get("ProductVersion", "?"))
    battery = await phone.get_value(domain="com.apple.mobile.battery") or {}
    async with _service(phone, "diagnostics", "DiagnosticsService") as diagnostics:
        hundredths = (await diagnostics.get_battery() or {}).get("Temperature")
    free = await phone.get_value(domain="com.apple.disk_usage", key="AmountDataAvailable")
    has_mode = int(version.partition(".")[0]) >= 16 if version[:1].isdecimal() else False
    level = battery.get("BatteryCurrentCapacity")
    return Facts(
        name=str(phone.display_name or values.get("ProductType", "?")),
        model=str(values.get("ProductType", "?")),
        version=version,
        build=str(values.get("BuildVersion", "?")),
        abi=str(values.get("CPUArchitecture", "arm64")),
        developer_mode=await phone.get_developer_mode_status() if has_mode else None,
        battery_percent=level if type(level) is int else None,
        charging=bool(battery.get("ExternalConnected")),
        temperature_mc=10 * hundredths if type(hundredths) is int else None,
        free_bytes=free if type(free) is int else None,
    )


async def _content(files: Any, path: str) -> bytes | None:
    with suppress(_library("exceptions").AfcFileNotFoundError):
        return bytes(await files.get_file_contents(path))
    return None


@asynccontextmanager
async def _process_control(phone: Any, serial: str) -> AsyncIterator[Any]:
    """What starts and ends apps, on a phone with its developer disk image mounted."""
    instruments = "services.dvt.instruments"
    provider = _library(f"{instruments}.dvt_provider").DvtProvider
    control = _library(f"{instruments}.process_control").ProcessControl
    async with _developer_services(phone, serial) as services:
        with suppress(_library("exceptions").AlreadyMountedError):
            await _library("services.mobile_image_mounter").auto_mount(services)
        async with provider(services) as dvt, control(dvt) as found:
            yield found


@asynccontextmanager
async def _developer_services(phone: Any, serial: str) -> AsyncIterator[Any]:
    if int(phone.product_version.partition(".")[0]) < 17:
        yield phone
        return
    async with _library("remote.rsd_tunnel").PreferredRsdTunnel(serial=serial) as tunnel:
        yield tunnel
