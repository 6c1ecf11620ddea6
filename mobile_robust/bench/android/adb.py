"""The client program ``adb``: run with lists of arguments, bounded in time, its complaints turned into typed errors."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mobile_robust.bench.android import shell as words
from mobile_robust.bench.device.errors import (
    DroppedError,
    ForbiddenError,
    LostError,
    OfflineError,
    PhoneError,
    StorageFullError,
    UnauthorizedError,
)
from mobile_robust.errors import InputError

#: Seconds until a command that should be quick counts as dropped.
QUICK = 30.0
#: Seconds in which a phone that is there says whether it knows this computer.
_GREETING = 3.0
#: Seconds a cable is given a megabyte; the slowest ones move ten times as much.
_PER_MEGABYTE = 1.0


@dataclass(frozen=True)
class Answer:
    """How a command ended, and what it printed."""

    code: int
    output: bytes
    complaint: str


def find_adb() -> Path:
    """The program, from the PATH or from an installed Android SDK.

    Raises:
        InputError: There is none.
    """
    if found := shutil.which("adb"):
        return Path(found)
    for variable in ("ANDROID_HOME", "ANDROID_SDK_ROOT"):
        if (root := os.environ.get(variable)) and (program := Path(root) / "platform-tools" / "adb").is_file():
            return program
    raise InputError(
        "adb is missing: install Android's platform tools (apt-get install adb; brew install android-platform-tools), "
        "or set ANDROID_HOME to an Android SDK"
    )


def run(program: Path, arguments: Sequence[str], timeout: float) -> Answer:
    """Runs adb.

    Args:
        program: See :func:`find_adb`.
        arguments: Of its command line; no shell of this computer sees them.
        timeout: Seconds.

    Raises:
        DroppedError: It did not end in time.
    """
    try:
        # A session of its own, so that Ctrl-C ends nothing half way: what must be undone then needs adb.
        done = subprocess.run(
            [str(program), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
            check=False,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired:
        command = arguments[2] if arguments[0] == "-s" else arguments[0]
        raise DroppedError(f"adb {command} did not end within {timeout:.0f} s") from None
    return Answer(done.returncode, done.stdout, done.stderr.decode(errors="replace").strip())


def devices(program: Path) -> dict[str, str]:
    """Serial -> state ("device", "unauthorized", "offline", "no permissions", …) of every device adb sees.

    Raises:
        InputError: adb's server does not answer.
    """
    try:
        answer = run(program, ["devices"], QUICK)
    except DroppedError as error:
        raise InputError(f"adb does not answer: {error}") from None
    if answer.code != 0:
        raise InputError(f"adb devices failed: {answer.complaint}")
    lines = [entry.split("\t", 1) for entry in answer.output.decode(errors="replace").splitlines() if "\t" in entry]
    return {serial: re.sub(r" *[(;].*", "", state) for serial, state in lines}  # of some with a reason


def is_address(serial: str) -> bool:
    """Whether a serial is HOST:PORT, a device over the network: adb forgets those when its server ends."""
    return bool(re.fullmatch(r".+:\d+", serial))


class Link:
    """adb's way to one phone.

    Args:
        program: See :func:`find_adb`.
        serial: Of the phone.
        pause: Waits so many seconds; called while the phone is awaited.
    """

    def __init__(self, program: Path, serial: str, pause: Callable[[float], None] = time.sleep) -> None:
        self._program, self.serial, self._pause = program, serial, pause

    def shell(self, *parts: str | int, timeout: float = QUICK) -> Answer:
        """Runs a command on the phone.

        Args:
            parts: See :func:`words.line`.
            timeout: Seconds.

        Raises:
            DroppedError: The connection broke before its end.
            StorageFullError: It says that there is no room.
            UnauthorizedError: This computer may not.
        """
        answer = run(self._program, ["-s", self.serial, "shell", "-n", "-T", words.line(*parts)], timeout)
        heard = words.ended(answer.output)
        if heard is None:
            raise self._broken(answer.complaint)
        output, code = heard
        if code != 0 and "No space left on device" in answer.complaint:
            raise StorageFullError(self.serial)
        return Answer(code, output, answer.complaint)

    def push(self, local: Path, remote: str) -> None:
        """Copies a file to the phone. Whether it arrived whole is for the caller to check.

        Args:
            local: The file here.
            remote: A path there, of words for its shell.

        Raises:
            DroppedError: The connection broke.
            StorageFullError: No room.
            UnauthorizedError: This computer may not.
            PhoneError: The phone does not take it.
        """
        words.line(remote)
        timeout = QUICK + _PER_MEGABYTE * local.stat().st_size / 1e6
        answer = run(self._program, ["-s", self.serial, "push", str(local.resolve()), remote], timeout)
        if answer.code == 0:
            return
        said = f"{answer.output.decode(errors='replace')}\n{answer.complaint}"
        if "No space left on device" in said:
            raise StorageFullError(self.serial)
        if refused := re.search(r"remote (.+)", said):  # what the phone itself says, not what happened on the way
            raise PhoneError(self.serial, f"it refuses {remote}: {refused[1]}")
        raise self._broken(answer.complaint or said)

    def reconnect(self, seconds: float) -> None:
        """Waits until the phone answers, and does what helps it.

        Args:
            seconds: At most.

        Raises:
            LostError: It did not.
            UnauthorizedError: It is there, but this computer may not.
        """
        begun = helped = time.monotonic()
        # A cable that is plugged in again needs no help, and greetings that are interrupted never end.
        grace = 0.0 if is_address(self.serial) else _GREETING
        while (state := self._try_state()) != "device":
            if time.monotonic() > begun + seconds:
                if state == "unauthorized":
                    raise UnauthorizedError(self.serial)
                raise LostError(
                    self.serial,
                    f"the connection broke and the phone did not come back within {seconds:.0f} s; nothing measured is "
                    "lost: check cable and port, and give the same command again",
                )
            # A new connection would take back the question that its owner is to answer.
            if state != "unauthorized" and time.monotonic() >= helped + grace:
                self._revive()
                helped = time.monotonic()
            self._pause(0.5)

    def connect(self) -> None:
        """Makes adb know a phone over the network.

        Raises:
            PhoneError: It cannot be reached.
        """
        try:
            said = run(self._program, ["connect", self.serial], QUICK).output.decode(errors="replace").strip()
        except DroppedError as error:
            said = str(error)
        end = time.monotonic() + _GREETING
        while (state := devices(self._program).get(self.serial)) not in (None, "device") and time.monotonic() < end:
            self._pause(0.1)  # it may still be checking this computer's key
        if state is None:
            raise PhoneError(self.serial, f"adb cannot connect to it: {said}")

    def _revive(self) -> None:
        try:
            if is_address(self.serial):  # an address adb thinks it is connected to is not tried again
                run(self._program, ["disconnect", self.serial], QUICK)
                run(self._program, ["connect", self.serial], QUICK)
            else:  # on a cable one that was asleep stays offline for ever; the others are left alone
                run(self._program, ["-s", self.serial, "reconnect"], QUICK)
        except DroppedError:
            pass  # tried again until the time is up

    def _try_state(self) -> str:
        try:
            answer = run(self._program, ["-s", self.serial, "shell", "-n", "-T", words.line("true")], QUICK)
        except DroppedError:
            return "silent"
        if words.ended(answer.output):
            return "device"
        return "unauthorized" if "unauthorized" in answer.complaint else "gone"

    def _broken(self, complaint: str) -> Exception:
        """The error of a command whose end was not heard."""
        if "unauthorized" in complaint:
            return UnauthorizedError(self.serial)
        return DroppedError(" ".join(complaint.split()) or "the connection broke")


def choose(program: Path, wanted: Sequence[str]) -> list[str]:
    """Serials of the phones to measure on: those asked for, or the only one there is.

    Raises:
        InputError: None, or several and none asked for.
        PhoneError: One asked for is not there, or not ready.
    """
    for serial in wanted:
        if is_address(serial) and serial not in devices(program):
            Link(program, serial).connect()
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
        if serial not in there:
            raise PhoneError(serial, f"no such device; adb sees: {', '.join(there) or 'none'}")
        if there[serial] == "unauthorized":
            raise UnauthorizedError(serial)
        if there[serial] == "no permissions":
            raise ForbiddenError(serial)
        if there[serial] != "device":
            raise OfflineError(serial, there[serial])
    return chosen
