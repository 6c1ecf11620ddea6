"""Apple's ``devicectl``, which comes with Xcode 15 and later and speaks to iOS 17 and later.

What it says is read from the JSON document that it writes into a file: only that is stable across its versions.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mobile_robust.bench.device.errors import DeviceError, DroppedError, StorageFullError
from mobile_robust.bench.device.words import parse_line
from mobile_robust.bench.ios import preflight
from mobile_robust.documents import parse_json, read
from mobile_robust.errors import InputError

#: Seconds until a command that should be quick counts as dropped.
QUICK_SECONDS = 60
#: CoreDeviceError's code for a file that is not on the phone.
_NO_FILE = 7000
#: In messages on the connection.
_CONNECTION = ("interrupted", "disconnected", "invalidated", "not connected", "timed out", "did not end within")
#: What an error says -> what to do; the first that fits.
_REFUSALS = {
    ("is not installed",): "the app is not there any more: give the command again",
    ("provisioning profile", "application verification", "applicationverificationfailed"): "the app is not signed for "
    "this phone: register the phone with the team (Xcode does so when it is plugged in), and build again",
    ("disk image could not be mounted",): "Xcode's developer disk image is not mounted there: unlock it, open Xcode's "
    "Devices and Simulators once while it is plugged in, and give the command again",
}


class DevicectlError(Exception):
    """A command failed; the whole chain of its errors: domain and code of each, and all sentences in one line."""

    def __init__(self, document: dict[str, Any]) -> None:
        errors = list(_chain(document.get("error")))
        self.codes = [(str(error.get("domain")), error.get("code")) for error in errors]
        sentences = dict.fromkeys(sentence for error in errors for sentence in _sentences(error))
        super().__init__(parse_line("; ".join(sentences) or "no reason given", 600))


def is_connection(error: Exception) -> bool:
    """Whether a message is about the connection, not about what was asked for."""
    return any(sign in str(error).lower() for sign in _CONNECTION)


class NoFileError(DroppedError):
    """There is no such file on the phone."""


def find_devicectl() -> Path | None:
    """``xcrun``, which runs devicectl; None where there is none, as on any computer but a Mac."""
    found = shutil.which("xcrun")
    return Path(found) if found else None


def run(program: Path, command: Sequence[str], arguments: Sequence[str], seconds: int = QUICK_SECONDS) -> Any:
    """Runs devicectl; gives the "result" of its document.

    Args:
        program: ``xcrun``.
        command: Such as ("device", "info", "processes").
        arguments: All others.
        seconds: Until it is given up.

    Raises:
        DroppedError: It did not end in time.
        DevicectlError: It failed.
        InputError: It wrote no document: no Xcode, or one older than 15.
    """
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "output.json"
        options = ("--quiet", "--timeout", str(seconds), "--json-output", str(output))
        try:
            # A session of its own, so that Ctrl-C ends nothing half way: what must be undone then needs it.
            done = subprocess.run(
                [str(program), "devicectl", *command, *options, *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=seconds + 10,
                start_new_session=True,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise DroppedError(f"devicectl {' '.join(command)} did not end within {seconds} s") from None
        try:
            document = parse_json(read(output))
        except InputError:
            said = parse_line(done.stderr or done.stdout) or f"exit code {done.returncode}"
            raise InputError(f"devicectl {' '.join(command)} gives no answer (Xcode 15 or later?): {said}") from None
    if not isinstance(document, dict):
        raise InputError(f"devicectl {' '.join(command)} gives an answer that is no JSON object")
    if "error" in document or done.returncode != 0:
        raise DevicectlError(document)
    return document.get("result")


def devices(program: Path) -> dict[str, dict[str, Any]]:
    """UDID -> what devicectl lists of it, of all phones and tablets that it knows.

    Raises InputError where devicectl does not work."""
    try:
        listed = tables(run(program, ("list", "devices"), ()), "devices")
    except (DroppedError, DevicectlError) as error:
        raise InputError(f"devicectl does not answer: {error}") from None
    found = {}
    for device in listed:
        hardware = table(device, "hardwareProperties")
        if hardware.get("platform") == "iOS" and hardware.get("reality", "physical") == "physical":
            found[str(hardware.get("udid") or device.get("identifier"))] = device
    return found


def is_connected(device: dict[str, Any]) -> bool:
    """Whether one of these can be reached now; those that were paired once are listed for ever."""
    return table(device, "connectionProperties").get("tunnelState") != "unavailable"


def refusal(error: DevicectlError, serial: str) -> Exception:
    """A failed command as one of our errors; what nobody knows counts as a connection that broke."""
    said, domains = str(error), {domain for domain, _ in error.codes}
    lower = said.lower()
    if ("com.apple.dt.CoreDeviceError", _NO_FILE) in error.codes and "file node" in lower:
        return NoFileError(said)
    if ("NSPOSIXErrorDomain", 28) in error.codes or "no space left" in lower or "storage is full" in lower:
        return StorageFullError(serial)
    if "developer mode is disabled" in lower or "developer mode is not enabled" in lower:
        return preflight.without_developer_mode(serial)
    if "reason: locked" in lower or "device is locked" in lower or "could not be, unlocked" in lower:
        return preflight.locked(serial)
    if "not paired" in lower or "must be paired" in lower or "trust this computer" in lower:
        return preflight.untrusted(serial)
    if "explicitly trusted" in lower:
        return preflight.untrusted_developer(serial)
    for signs, advice in _REFUSALS.items():
        if any(sign in lower for sign in signs):
            return DeviceError(serial, f"{advice} ({parse_line(said)})")
    return DroppedError(f"{parse_line(said)} ({', '.join(sorted(domains))})")


def _chain(error: Any) -> Iterator[dict[str, Any]]:
    """An error and those under it, the outermost first."""
    while isinstance(error, dict):
        yield error
        error = table(table(error, "userInfo"), "NSUnderlyingError").get("error")


def _sentences(error: dict[str, Any]) -> Iterator[str]:
    information = table(error, "userInfo")
    for name in ("NSLocalizedDescription", "NSLocalizedFailureReason", "NSLocalizedRecoverySuggestion"):
        if isinstance(text := table(information, name).get("string"), str):
            yield text


def table(value: Any, name: str) -> dict[str, Any]:
    """An object of a document; an empty one where there is none."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def tables(value: Any, name: str) -> list[dict[str, Any]]:
    """A list of objects of a document."""
    found = value.get(name) if isinstance(value, dict) else None
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def text(value: dict[str, Any], name: str) -> str:
    """A string of a document in one line; "" where there is none."""
    found = value.get(name)
    return parse_line(found, 1000) if isinstance(found, str) else ""
