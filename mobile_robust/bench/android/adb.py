"""The client program ``adb``: run with lists of arguments, bounded in time, its messages turned into typed errors."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from mobile_robust.bench.android.shell import check_serial, command_line, parse_output
from mobile_robust.bench.device.errors import DeviceError, DroppedError, LostError, StorageFullError
from mobile_robust.bench.device.words import parse_line
from mobile_robust.errors import InputError

#: Seconds until a command that should be quick counts as dropped.
QUICK = 30.0
#: Bytes that a command which prints a few lines may print.
SHORT = 4 * 2**20
#: Characters of what it prints of errors.
_LONGEST_ERROR = 2000
#: Seconds in which a phone that is there says whether it knows this computer.
_GREETING = 3.0
#: Seconds a cable is given a megabyte; the slowest ones move ten times as much.
_PER_MEGABYTE = 1.0


class UnauthorizedError(DeviceError):
    """Its owner has not authorized this computer."""

    def __init__(self, serial: str) -> None:
        super().__init__(
            serial,
            'this computer is not authorized: unlock the phone, answer "Allow USB debugging?" with Allow, and give the '
            "command again (no question there: adb kill-server, then plug it in again)",
        )


@dataclass(frozen=True)
class CommandResult:
    """How a command ended, and what it printed."""

    code: int
    stdout: bytes
    stderr: str

    @property
    def text(self) -> str:
        """Its output."""
        return self.stdout.decode(errors="replace")

    @property
    def printed(self) -> str:
        """Output and errors."""
        return f"{self.text}\n{self.stderr}"


def find_adb() -> Path:
    """The program, from the PATH or from an installed Android SDK; raises InputError where there is none."""
    if found := shutil.which("adb"):
        return Path(found)
    for variable in ("ANDROID_HOME", "ANDROID_SDK_ROOT"):
        if (root := os.environ.get(variable)) and (program := Path(root) / "platform-tools" / "adb").is_file():
            return program
    raise InputError(
        "adb is missing: install Android's platform tools (apt-get install adb; brew install android-platform-tools), "
        "or set ANDROID_HOME to an Android SDK"
    )


def run(program: Path, arguments: Sequence[str], timeout: float = QUICK, most: int = SHORT) -> CommandResult:
    """Runs adb; no shell of this computer is involved.

    Raises:
        DroppedError: It takes ``timeout`` seconds.
        InputError: It prints more than ``most`` bytes.
    """
    command = arguments[2] if arguments[0] == "-s" else arguments[0]
    # A session of its own, so that Ctrl-C ends nothing half way: what must be undone then needs adb.
    process = subprocess.Popen(
        [str(program), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )

    def read(stream: IO[bytes]) -> bytes:
        data = stream.read(most + 1)
        if len(data) > most:
            process.kill()
        return data

    with process, ThreadPoolExecutor(2) as readers:
        printed = [readers.submit(read, stream) for stream in (process.stdout, process.stderr) if stream]
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise DroppedError(f"adb {command} did not end within {timeout:.0f} s") from None
        finally:
            process.kill()
        stdout, stderr = (each.result() for each in printed)
    if max(len(stdout), len(stderr)) > most:
        whose = f"{arguments[1]}: " if arguments[0] == "-s" else ""
        raise InputError(f"{whose}adb {command} prints more than {most / 2**20:.0f} MiB: not what was asked for")
    return CommandResult(code, stdout, parse_line(stderr.decode(errors="replace"), _LONGEST_ERROR))


def devices(program: Path) -> dict[str, str]:
    """Serial -> state ("device", "unauthorized", "offline", "no permissions", …) of every device adb sees.

    Raises InputError where adb's server does not answer."""
    try:
        result = run(program, ["devices"])
    except DroppedError as error:
        raise InputError(f"adb does not answer: {error}") from None
    if result.code != 0:
        raise InputError(f"adb devices failed: {result.stderr}")
    lines = [entry.split("\t", 1) for entry in result.text.splitlines() if "\t" in entry]
    return {serial: re.sub(r" *[(;].*", "", state) for serial, state in lines}  # of some with a reason


def is_address(serial: str) -> bool:
    """Whether a serial is HOST:PORT, a device over the network: adb forgets those when its server ends."""
    return bool(re.fullmatch(r".+:\d+", serial))


class AdbLink:
    """adb's connection to one phone.

    Args:
        program: adb.
        serial: Of the phone.
        pause: Waits so many seconds; called while the phone is awaited.
    """

    def __init__(self, program: Path, serial: str, pause: Callable[[float], None] = time.sleep) -> None:
        self._program, self.serial, self._pause = program, serial, pause

    def shell(self, *arguments: str | int, timeout: float = QUICK, most: int = SHORT) -> CommandResult:
        """Runs a command on the phone; see :func:`command_line`.

        Raises:
            InputError: It prints more than ``most`` bytes.
            DroppedError: The connection broke before its end, or that did not come within ``timeout`` seconds.
            DeviceError: The phone has no room, or does not know this computer.
        """
        result = self._run("shell", "-n", "-T", command_line(*arguments), timeout=timeout, most=most)
        parsed = parse_output(result.stdout)
        if parsed is None:
            raise self._broken(result.stderr)
        output, code = parsed
        if code != 0 and "No space left on device" in result.stderr:
            raise StorageFullError(self.serial)
        return CommandResult(code, output, result.stderr)

    def push(self, local: Path, remote: str) -> None:
        """Copies a file to a path of the phone that is valid as an argument of its shell. The caller checks that it
        arrived whole.

        Raises:
            DroppedError: The connection broke.
            DeviceError: The phone does not take it, has no room, or does not know this computer.
        """
        command_line(remote)
        timeout = QUICK + _PER_MEGABYTE * local.stat().st_size / 1e6
        result = self._run("push", str(local.resolve()), remote, timeout=timeout)
        if result.code == 0:
            return
        if "No space left on device" in result.printed:
            raise StorageFullError(self.serial)
        # what the phone itself says, not what happened on the way
        if refused := re.search(r"remote (.+)", result.printed):
            raise DeviceError(self.serial, f"it refuses {remote}: {parse_line(refused[1])}")
        raise self._broken(result.stderr or result.text)

    def reconnect(self, seconds: float) -> None:
        """Waits until the phone responds, and reestablishes the connection where that helps.

        Raises:
            LostError: It did not within ``seconds``.
            UnauthorizedError: It is there, but this computer may not.
        """
        begun = helped = time.monotonic()
        # A cable that is plugged in again needs no help, and greetings that are interrupted never end.
        grace = 0.0 if is_address(self.serial) else _GREETING
        while (trouble := self._trouble()) is not None:
            asking = isinstance(trouble, UnauthorizedError)
            if time.monotonic() > begun + seconds:
                if asking:
                    raise trouble
                raise LostError(
                    self.serial,
                    f"the connection broke and the phone did not come back within {seconds:.0f} s; nothing measured is "
                    "lost: check cable and port, and give the same command again",
                )
            # A new connection would withdraw the question that its owner has not answered yet.
            if not asking and time.monotonic() >= helped + grace:
                self._reestablish()
                helped = time.monotonic()
            self._pause(0.5)

    def connect(self) -> None:
        """Makes adb know a phone over the network; raises DeviceError where it cannot be reached."""
        try:
            printed = run(self._program, ["connect", self.serial]).text.strip()
        except DroppedError as error:
            printed = str(error)
        end = time.monotonic() + _GREETING
        while (state := devices(self._program).get(self.serial)) not in (None, "device") and time.monotonic() < end:
            self._pause(0.1)  # it may still be checking this computer's key
        if state is None:
            raise DeviceError(self.serial, f"adb cannot connect to it: {printed}")

    def _run(self, *arguments: str, timeout: float = QUICK, most: int = SHORT) -> CommandResult:
        return run(self._program, ["-s", self.serial, *arguments], timeout, most)

    def _reestablish(self) -> None:
        try:
            if is_address(self.serial):  # an address adb thinks it is connected to is not tried again
                run(self._program, ["disconnect", self.serial])
                run(self._program, ["connect", self.serial])
            else:  # on a cable one that was asleep stays offline for ever; the others are left alone
                self._run("reconnect")
        except DroppedError:
            pass  # tried again until the time is up

    def _trouble(self) -> DroppedError | UnauthorizedError | None:
        try:
            self.shell("true")
        except (DroppedError, UnauthorizedError) as error:
            return error
        return None

    def _broken(self, stderr: str) -> Exception:
        """The error of a command whose end did not arrive."""
        if "unauthorized" in stderr:
            return UnauthorizedError(self.serial)
        return DroppedError(" ".join(stderr.split()) or "the connection broke")


def choose(program: Path, wanted: Sequence[str]) -> list[str]:
    """Serials of the phones to measure on: those asked for, or the only one there is.

    Raises:
        InputError: None, or several and none asked for.
        DeviceError: One asked for is not there, or not ready.
    """
    for serial in wanted:
        check_serial(serial, "--serial ")
        if is_address(serial) and serial not in devices(program):
            AdbLink(program, serial).connect()
    there = devices(program)
    if not wanted and not there:
        raise InputError(
            "no device: plug a phone in, and turn on USB debugging in its developer options (Settings, About phone: "
            "tap the build number seven times); adb devices must list it"
        )
    if not wanted and len(there) > 1:
        listed = ", ".join(f"{serial} ({state})" for serial, state in there.items())
        raise InputError(f"several devices: {listed}; choose with --serial, one or more")
    chosen = list(dict.fromkeys(wanted)) or list(there)
    for serial in chosen:
        check_serial(serial)
        if serial not in there:
            raise DeviceError(serial, f"no such device; adb sees: {', '.join(there) or 'none'}")
        if there[serial] == "unauthorized":
            raise UnauthorizedError(serial)
        if there[serial] == "no permissions":
            raise DeviceError(
                serial,
                "this system does not let adb open it: on Linux, apt-get install android-sdk-platform-tools-common, "
                "be in the group plugdev, plug it in again, and give the command again",
            )
        if there[serial] != "device":
            raise DeviceError(
                serial,
                f"adb calls it {there[serial]}: plug it in again, or turn USB debugging off and on in its developer "
                "options, and give the command again",
            )
    return chosen
