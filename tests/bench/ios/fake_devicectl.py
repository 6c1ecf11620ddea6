"""A fake devicectl: a program ``xcrun`` on the PATH that hands its arguments to this process.

Commands, options and documents are those of ``devicectl help`` and of what versions 341 to 477 (Xcode 15 to 26) write.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.bench.ios.fake_phone import BUNDLE, EXECUTABLE, FakeIphone, Refusal

_PROGRAM = """#!{python} -IS
import json, socket, sys
with socket.create_connection(("127.0.0.1", {port})) as line:
    line.sendall(json.dumps(sys.argv[1:]).encode())
    line.shutdown(socket.SHUT_WR)
    code, said = json.load(line.makefile())
sys.stderr.write(said)
sys.exit(code)
"""
_CORE = "com.apple.dt.CoreDeviceError"
#: (domain, code, description, reason) of each error of a chain, the outermost first.
_ERRORS = {
    "locked": [
        (_CORE, 10002, "The application failed to launch.", None),
        ("FBSOpenApplicationServiceErrorDomain", 1, f'The request to open "{BUNDLE}" failed.', None),
        (
            "FBSOpenApplicationErrorDomain",
            7,
            "The operation couldn’t be completed.",
            "The request was denied by service delegate (SBMainWorkspace) for reason: Locked "
            f'("Unable to launch {BUNDLE} because the device was not, or could not be, unlocked").',
        ),
    ],
    "developer": [
        (_CORE, 10002, "The application failed to launch.", None),
        (
            "FBSOpenApplicationErrorDomain",
            3,
            "The request was denied.",
            f"Unable to launch {BUNDLE} because it has an invalid code signature, inadequate entitlements or its "
            "profile has not been explicitly trusted by the user.",
        ),
    ],
    "mode": [(_CORE, 1, "The operation failed because Developer Mode is disabled.", None)],
    "unsigned": [
        (_CORE, 3002, "Failed to install the app on the device.", None),
        ("MIInstallerErrorDomain", 13, "A valid provisioning profile for this executable was not found.", None),
    ],
    "full": [
        (_CORE, 7001, "The file could not be copied.", None),
        ("NSPOSIXErrorDomain", 28, "The operation couldn’t be completed. No space left on device", None),
    ],
    "no app": [(_CORE, 10002, "The operation failed.", f"The requested application {BUNDLE} is not installed.")],
    "dropped": [
        (_CORE, 4000, "The device disconnected immediately after connecting.", None),
        ("com.apple.dt.RemotePairingError", 4, "Connection interrupted", None),
    ],
    "gone": [(_CORE, 1011, "The device is not connected.", None)],
    "untrusted": [(_CORE, 1001, "The device must be paired before it can be connected.", None)],
}


class FakeDevicectl:
    """Writes ``xcrun`` into a folder. ``commands``: all that it was given; ``broken``: what it says in place of a
    document."""

    def __init__(self, folder: Path, phones: list[FakeIphone]) -> None:
        self._phones = phones
        self.commands: list[list[str]] = []
        self.broken: str | None = None
        self.surprises: list[Exception] = []
        self._door = socket.create_server(("127.0.0.1", 0))
        program = folder / "xcrun"
        program.write_text(_PROGRAM.format(python=sys.executable, port=self._door.getsockname()[1]))
        program.chmod(0o755)
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self._door.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(line,), daemon=True).start()

    def _answer(self, line: socket.socket) -> None:
        with line, line.makefile("rwb") as stream:
            arguments = json.loads(stream.read())
            self.commands.append(arguments)
            try:
                answer = self._run(arguments)
            except Exception as surprise:
                self.surprises.append(surprise)
                answer = 64, f"{surprise!r}"
            stream.write(json.dumps(answer).encode())

    def _run(self, arguments: list[str]) -> tuple[int, str]:
        name, *rest = arguments
        assert name == "devicectl"
        words = []
        while rest and not rest[0].startswith("-"):
            words.append(rest.pop(0))
        options, others = _options(rest)
        if self.broken is not None:
            return 1, self.broken
        information = {"commandType": ".".join(["devicectl", *words]), "jsonVersion": 2, "version": "477.29"}
        try:
            result = self._command(words, options, others)
            document: dict[str, Any] = {"info": {**information, "outcome": "success"}, "result": result}
        except Refusal as refusal:
            error = _error(refusal.kind, options.get("--source", ""))
            document = {"error": error, "info": {**information, "outcome": "failed"}}
        Path(options["--json-output"]).write_text(json.dumps(document))
        return ("error" in document, "ERROR: see the document" if "error" in document else "")

    def _command(self, words: list[str], options: dict[str, str], others: list[str]) -> dict[str, Any]:
        if words == ["list", "devices"]:
            return {"devices": [*map(_listed, self._phones), _WATCH]}
        assert words[0] == "device" and options["--quiet"] == "" and int(options["--timeout"]) > 0
        phone = next((phone for phone in self._phones if phone.serial == options["--device"]), None)
        if phone is None:
            raise Refusal("gone")
        method = getattr(self, "_" + "_".join(words[1:]))
        return {"deviceIdentifier": "5A6B7C8D", **(method(phone, options, others) or {})}

    def _info_lockState(self, phone: FakeIphone, options: dict[str, str], others: list[str]) -> dict[str, Any]:
        phone.check()
        return {"passcodeRequired": phone.locked, "unlockedSinceBoot": True}

    def _info_processes(self, phone: FakeIphone, options: dict[str, str], others: list[str]) -> dict[str, Any]:
        folder = "file:///private/var/containers/Bundle/Application/4903FA4B"
        ours = [{"executable": f"{folder}/{EXECUTABLE}.app/{EXECUTABLE}", "processIdentifier": n} for n in phone.pids()]
        return {"runningProcesses": [{"executable": "file:///sbin/launchd", "processIdentifier": 1}, *ours]}

    def _info_files(self, phone: FakeIphone, options: dict[str, str], others: list[str]) -> dict[str, Any]:
        if options["--domain-type"] == "systemCrashLogs":
            return {"files": [_file(name, len(log)) for name, log in phone.logs().items()]}
        self._is_ours(options)
        assert options["--subdirectory"] == "Documents"
        folder, files = phone.inside(), []
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            files.append(_file(f"Documents/{name}", path.stat().st_size, path.is_dir()))
        return {"files": files}

    def _install_app(self, phone: FakeIphone, options: dict[str, str], others: list[str]) -> dict[str, Any]:
        (app,) = others
        phone.install(Path(app))
        return {"installedApplications": [{"bundleID": BUNDLE}]}

    def _uninstall_app(self, phone: FakeIphone, options: dict[str, str], others: list[str]) -> None:
        assert others == [BUNDLE]
        phone.uninstall()

    def _copy_to(self, phone: FakeIphone, options: dict[str, str], others: list[str]) -> None:
        self._is_ours(options)
        source, name = Path(options["--source"]), options["--destination"].removeprefix("Documents/")
        phone.pushes.append(name)
        for path in sorted(source.rglob("*")) if source.is_dir() else [source]:
            if path.is_file():
                inside = "" if path == source else f"/{path.relative_to(source).as_posix()}"
                phone.take(name + inside, path.read_bytes())

    def _copy_from(self, phone: FakeIphone, options: dict[str, str], others: list[str]) -> None:
        if options["--domain-type"] == "systemCrashLogs":
            content = phone.logs()[options["--source"]]
        else:
            self._is_ours(options)
            content = phone.give(options["--source"].removeprefix("Documents/"))
        Path(options["--destination"]).write_bytes(content)

    def _process_launch(self, phone: FakeIphone, options: dict[str, str], others: list[str]) -> dict[str, Any]:
        assert options["--terminate-existing"] == "" and others == [BUNDLE]
        return {"process": {"processIdentifier": phone.launch()}}

    def _process_terminate(self, phone: FakeIphone, options: dict[str, str], others: list[str]) -> None:
        assert options["--kill"] == ""
        if not phone.kill(int(options["--pid"])):
            raise Refusal("no file")

    def _is_ours(self, options: dict[str, str]) -> None:
        assert options["--domain-type"] == "appDataContainer" and options["--domain-identifier"] == BUNDLE


#: Listed by a Mac as well.
_WATCH = {
    "hardwareProperties": {"platform": "watchOS", "udid": "00008006-001"},
    "identifier": "1",
    "deviceProperties": {},
}
_FLAGS = ("--quiet", "--terminate-existing", "--kill")


def _options(words: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    found, others, rest = {}, [], list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-"):
            others.append(word)
        else:
            found[word] = "" if word in _FLAGS else rest.pop(0)
    return found, others


def _listed(phone: FakeIphone) -> dict[str, Any]:
    return {
        "connectionProperties": {
            "pairingState": "paired" if phone.trusts else "unpaired",
            "transportType": "wired",
            "tunnelState": "disconnected" if phone.connected else "unavailable",
        },
        "deviceProperties": {
            "developerModeStatus": "enabled" if phone.developer_mode else "disabled",
            "name": "somebody's iPhone",
            "osBuildUpdate": phone.build,
            "osVersionNumber": phone.version,
        },
        "hardwareProperties": {
            "cpuType": {"name": "arm64e"},
            "deviceType": "iPhone",
            "marketingName": "iPhone 14 Pro",
            "platform": "iOS",
            "productType": "iPhone15,2",
            "reality": "physical",
            "udid": phone.serial,
        },
        "identifier": "5A6B7C8D",
    }


def _file(name: str, size: int, is_folder: bool = False) -> dict[str, Any]:
    return {"name": name, "relativePath": name, "metadata": {"size": size}, "resources": {"isDirectory": is_folder}}


def _error(kind: str, source: str) -> dict[str, Any]:
    chain = _ERRORS.get(kind) or [(_CORE, 7000, f"Failed to retrieve the file node for {source}", None)]
    error: dict[str, Any] = {}
    for domain, code, description, reason in reversed(chain):
        information: dict[str, Any] = {"NSLocalizedDescription": {"string": description}}
        if reason:
            information["NSLocalizedFailureReason"] = {"string": reason}
        if error:
            information["NSUnderlyingError"] = {"error": error}
        error = {"code": code, "domain": domain, "userInfo": information}
    return error
