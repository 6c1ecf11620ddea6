"""An Android phone over adb: the app on it, and files the app keeps by their hash.

Every step may be repeated without harm, and is where the connection broke.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from mobile_robust.bench.android import preflight
from mobile_robust.bench.android.adb import QUICK, SHORT, AdbLink, CommandResult
from mobile_robust.bench.android.apk.app import PACKAGE
from mobile_robust.bench.android.diagnose import crash_report
from mobile_robust.bench.android.platform import ANDROID
from mobile_robust.bench.device.errors import DeviceError, StorageFullError
from mobile_robust.bench.device.retry import retry
from mobile_robust.bench.device.transport import DeviceFile, DeviceTransport
from mobile_robust.bench.device.words import parse_line, parse_number
from mobile_robust.contracts.result import Device
from mobile_robust.files import sha256, size

#: Where adb may write; the app's own folder is only reached from there.
_ENTRY = "/data/local/tmp/mobile_robust"
#: Seconds until a command on large files, an installation or a start of the app counts as dropped.
_FILES_SECONDS, _INSTALL_SECONDS, _START_SECONDS = 300.0, 240.0, 60.0
#: Bytes of a file of the app; outputs are the largest.
_FILE_BYTES = 2**30
#: Package manager's code -> what to do.
_REFUSALS = {
    "VERSION_DOWNGRADE": f"a newer version of the app is there: adb uninstall {PACKAGE}, and give the command again",
    "UPDATE_INCOMPATIBLE": f"the app is there, signed by another key: adb uninstall {PACKAGE}, and give the command "
    "again",
    "INSUFFICIENT_STORAGE": "its storage is full: delete something there, and give the command again",
    "NO_MATCHING_ABIS": "the app has no libraries for its processor: it must be an arm64-v8a or x86_64 phone",
    "OLDER_SDK": "its Android is too old: it must be Android 8.0 (API level 26) or newer",
    "USER_RESTRICTED": 'the phone refuses apps from a computer: turn on "Install via USB" in its developer options '
    "(some makers ask for an account or a SIM card there)",
    "VERIFICATION_FAILURE": 'its verifier refused the app: turn off "Verify apps over USB" in its developer options',
    "INVALID_APK": "it cannot read the APK: build it again (--build), or give another --apk",
    "TEST_ONLY": "the APK is marked test-only; give one that --build made",
}

_T = TypeVar("_T")


class AdbTransport(DeviceTransport):
    """A phone that adb is connected to.

    Args:
        link: adb's connection to it.
        apk: The app.
        reconnect: Seconds the phone is awaited after the connection broke.
        notify: Called with what is done, such as waiting for the phone.
    """

    platform = ANDROID

    def __init__(self, link: AdbLink, apk: Path, reconnect: float, notify: Callable[[str], None]) -> None:
        self._link, self._apk, self._reconnect, self._notify = link, apk, reconnect, notify
        self.serial = link.serial

    def describe(self) -> Device:
        return preflight.describe(self.serial, self._text)

    def preflight(self) -> None:
        preflight.check(self.serial, self._text)

    def install(self) -> None:
        file = DeviceFile(self._apk, sha256(self._apk), ".apk")
        self._shell("mkdir", "-p", _ENTRY)
        if self._installed() != file.sha256:
            self.require_space(2 * size(self._apk))  # the file, and the app made of it
            self._notify("installing the app")
            self._retry(lambda: self._install(file))
        self._inside("mkdir", "-p", "files")

    def uninstall(self) -> None:
        self._shell("pm", "uninstall", PACKAGE, timeout=_INSTALL_SECONDS)
        self._shell("rm", "-rf", _ENTRY)

    def free_bytes(self) -> int | None:
        lines = self._text("df", "-k", "/data").split("\n")
        numbers = [number for word in " ".join(lines[1:]).split() if (number := parse_number(word)) is not None]
        return 1024 * numbers[2] if len(numbers) >= 3 else None

    def missing(self, files: Iterable[DeviceFile]) -> list[DeviceFile]:
        wanted = {f"files/{file.name}": file for file in files}
        there = _hashes(self._inside("sha256sum", *wanted, timeout=_FILES_SECONDS))
        return [file for path, file in wanted.items() if there.get(path) != file.sha256]

    def put(self, file: DeviceFile, name: str | None = None) -> None:
        self._retry(lambda: self._put(file, f"files/{name or file.name}"))

    def read(self, name: str) -> bytes | None:
        result = self._inside("cat", f"files/{name}", timeout=_FILES_SECONDS, most=_FILE_BYTES)
        return result.stdout if result.code == 0 else None

    def read_all(self, *names: str) -> bytes:
        """In one command, as each costs the phone a little time."""
        return self._inside("cat", *(f"files/{name}" for name in names)).stdout

    def remove(self, name: str) -> None:
        self._inside("rm", "-rf", f"files/{name}")

    def start(self, job: str, begun: str) -> None:
        self._retry(lambda: self._start(job, begun))

    def stop(self) -> None:
        self._shell("am", "force-stop", PACKAGE)

    def running(self) -> bool:
        return self._shell("pidof", PACKAGE).code == 0

    def clock(self) -> int:
        return parse_number(self._text("date", "+%s").strip()) or 0

    def diagnose(self, since: int) -> str:
        return crash_report(self._text, since)

    def _text(self, *arguments: str | int) -> str:
        return self._shell(*arguments).text

    def _shell(self, *arguments: str | int, timeout: float = QUICK, most: int = SHORT) -> CommandResult:
        return self._retry(lambda: self._link.shell(*arguments, timeout=timeout, most=most))

    def _inside(self, *arguments: str | int, timeout: float = QUICK, most: int = SHORT) -> CommandResult:
        """As the app, in its folder."""
        result = self._shell("run-as", PACKAGE, *arguments, timeout=timeout, most=most)
        if result.stderr.startswith("run-as:"):
            raise DeviceError(
                self.serial,
                f"the app's folder cannot be entered ({parse_line(result.stderr)}): was it uninstalled? Give "
                "the command again",
            )
        return result

    def _retry(self, action: Callable[[], _T]) -> _T:
        def reconnect() -> None:
            self._notify("connection lost, waiting for the phone")
            self._link.reconnect(self._reconnect)

        return retry(self.serial, action, reconnect)

    def _installed(self) -> str | None:
        """Hash of the app's APK."""
        text = self._text("pm", "path", PACKAGE)
        found = re.search(r"^package:(/data/app/[A-Za-z0-9_./=~-]+/base\.apk)$", text, re.MULTILINE)
        return _hashes(self._shell("sha256sum", found[1], timeout=_FILES_SECONDS)).get(found[1]) if found else None

    def _install(self, file: DeviceFile) -> None:
        there = self._deliver(file)
        result = self._link.shell("pm", "install", "-r", there, timeout=_INSTALL_SECONDS)
        self._link.shell("rm", "-f", there)
        if result.code != 0 or "Success" not in result.printed:
            found = re.search(r"INSTALL_(?:FAILED_|PARSE_FAILED_)?([A-Z_]+)", result.printed)
            advice = _REFUSALS.get(found[1] if found else "", "see what it says, and try to install the APK by hand")
            said = parse_line(result.printed[-300:])
            raise DeviceError(self.serial, f"cannot install the app: {advice} ({said})")

    def _put(self, file: DeviceFile, target: str) -> None:
        there = self._deliver(file)
        copied = self._link.shell("run-as", PACKAGE, "cp", there, target, timeout=_FILES_SECONDS)
        got = _hashes(self._link.shell("run-as", PACKAGE, "sha256sum", target, timeout=_FILES_SECONDS)).get(target)
        self._link.shell("rm", "-f", there)
        if got != file.sha256:
            why = parse_line(copied.stderr) or "changed"
            raise DeviceError(self.serial, f"{target} cannot be copied into the app: {why}")

    def _deliver(self, file: DeviceFile) -> str:
        """Pushes a file to where adb may write; gives its path there."""
        there = f"{_ENTRY}/{file.name}"
        for _ in range(2):
            try:
                self._link.push(file.path, there)
            except StorageFullError:
                self._link.shell("rm", "-f", there)  # what of it fitted in
                raise
            # adb hands on the file's mode here, which may keep others, such as the app, from reading it.
            self._link.shell("chmod", 644, there)
            got = _hashes(self._link.shell("sha256sum", there, timeout=_FILES_SECONDS)).get(there)
            if got == file.sha256:
                return there
        self._link.shell("rm", "-f", there)
        raise DeviceError(
            self.serial,
            f"{file.path.name} arrived changed twice (SHA-256 {(got or 'none')[:16]}…, sent {file.sha256[:16]}…): try "
            "another cable or port",
        )

    def _start(self, job: str, begun: str) -> None:
        if self._link.shell("run-as", PACKAGE, "cat", f"files/{begun}").code == 0:
            return  # the connection broke after it had begun
        self._link.shell("am", "force-stop", PACKAGE)
        # One that was stopped before its first sign of life may have left a result, which no other goes on with.
        self._link.shell("run-as", PACKAGE, "rm", "-rf", f"files/{begun.rpartition('/')[0]}")
        activity = ("-n", f"{PACKAGE}/.BenchActivity", "--es", "job", job)
        result = self._link.shell("am", "start", "-W", *activity, timeout=_START_SECONDS)
        if result.code != 0 or re.search(r"^\s*Error", result.printed, re.MULTILINE):
            raise DeviceError(self.serial, f"the app does not start: {parse_line(result.printed)}")


def _hashes(result: CommandResult) -> dict[str, str]:
    """What sha256sum printed, by path."""
    found = re.findall(r"^([0-9a-f]{64}) [ *](\S+)$", result.text, re.MULTILINE)
    return {path: digest for digest, path in found}
