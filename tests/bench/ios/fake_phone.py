"""A fake iPhone: its storage, its app, and what its owner and its cable do. ``fake_devicectl.py`` and
``fake_pymobiledevice.py`` are two ways to it."""

from __future__ import annotations

import json
import plistlib
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

from tests.bench.device.app_host import AppHost

TEAM = "ABCDE12345"
BUNDLE = f"org.mobilerobust.bench{TEAM}"
EXECUTABLE = "MobileRobustBench"


class Refusal(Exception):
    """What the phone answers in place of a result: "locked", "mode" (Developer Mode is off), "untrusted", "developer"
    (its owner does not trust the app's), "full", "unsigned", "no app", "no file", "dropped" or "gone"."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class FakeIphone(AppHost):
    """See :class:`AppHost`; events of its plan: "install", "push", "pull NAME", "launch", "kill".

    Attributes:
        connected: Whether the cable is plugged in.
        trusts_developer: Whether its owner has trusted the app's developer.
        hundredths: Of a degree, its battery's temperature.
        pushes: Every file or folder that was copied to it.
        crashed: Whether iOS has logged what ended the app.
    """

    def __init__(self, root: Path, serial: str = "00008120-001A2B3C4D5E6F70") -> None:
        super().__init__(root)
        self.script = {"platform": "ios", "runtime": "coreml", "version": "system", "constant": True}
        self.script["device"] = "Apple iPhone15,2"
        self.serial, self.version, self.build = serial, "17.5.1", "21F90"
        self.connected = self.trusts = self.developer_mode = self.trusts_developer = self.signed = self.usbmuxd = True
        self.locked = False
        self.battery, self.charging, self.hundredths, self.free = 80, True, 2950, 10**10
        self.pushes: list[str] = []
        self.installs = 0
        self._logged: set[int] = set()
        (root / "logs").mkdir()
        self.write_log("Other-2026-01-02-030405.ips", {"app_name": "Other"}, {"procName": "Other"})

    def check(self) -> None:
        """Before whatever it is asked for."""
        if not self.connected:
            raise Refusal("gone")
        if not self.trusts:
            raise Refusal("untrusted")

    def drop(self, data: bytes = b"") -> bytes:
        """The cable is pulled, and put back at once."""
        raise Refusal("dropped")

    def unplug(self, data: bytes = b"") -> bytes:
        """The cable is pulled."""
        self.connected = False
        raise Refusal("gone")

    def install(self, app: Path) -> None:
        self.check()
        self.happening("install")
        if not self.developer_mode:
            raise Refusal("mode")
        if not self.signed:
            raise Refusal("unsigned")
        assert plistlib.loads((app / "Info.plist").read_bytes())["CFBundleIdentifier"] == BUNDLE
        self.files.mkdir(parents=True, exist_ok=True)
        self.installs += 1

    def uninstall(self) -> None:
        self.check()
        self.stop_app()
        shutil.rmtree(self.files.parent, ignore_errors=True)

    def inside(self) -> Path:
        """The app's documents."""
        self.check()
        if not self.files.is_dir():
            raise Refusal("no app")
        return self.files

    def take(self, name: str, content: bytes) -> None:
        target = self.inside() / name
        data = self.happening("push", content)
        if len(data) > self.free:
            raise Refusal("full")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)

    def give(self, name: str) -> bytes:
        path = self.inside() / name
        if not path.is_file():
            raise Refusal("no file")
        return self.happening(f"pull {path.name}", path.read_bytes())

    def launch(self) -> int:
        self.inside()
        if self.locked:
            raise Refusal("locked")
        if not self.developer_mode:
            raise Refusal("mode")
        if not self.trusts_developer:
            raise Refusal("developer")
        self.start_app("job.json")
        self.happening("launch")
        return self.app.pid if self.app else 0

    def pids(self) -> list[int]:
        self.check()
        return [self.app.pid] if self.app_runs() and self.app else []

    def kill(self, pid: int) -> bool:
        """Whether there was such a process."""
        self.check()
        self.happening("kill")
        there = pid in self.pids()
        if there:
            self.stop_app()
        return there

    def end_app(self, data: bytes = b"") -> bytes:
        """The app ends, whoever else is about to end it."""
        self.stop_app()
        return data

    def logs(self) -> dict[str, bytes]:
        """Crash logs by name."""
        self.check()
        self.record_end()
        return {path.name: path.read_bytes() for path in (self.root / "logs").iterdir()}

    def write_log(self, name: str, header: dict, body: dict) -> None:
        (self.root / "logs" / name).write_text(json.dumps(header) + "\n" + json.dumps(body, indent=2))

    def record_end(self) -> None:
        """As iOS does: a crash log of a signal of the app's own, one on memory where it was killed."""
        if self.app is None or (self.app.poll() or 0) >= 0 or self.app.pid in self._logged:
            return
        self._logged.add(self.app.pid)
        number = f"2026-01-02-{self.app.pid:06}"
        if self.app.returncode == -signal.SIGKILL:
            processes = [{"name": "SpringBoard"}, {"name": EXECUTABLE, "reason": "per-process-limit"}]
            self.write_log(f"JetsamEvent-{number}.ips", {"bug_type": "298"}, {"processes": processes})
            return
        thread = {"triggered": True, "frames": [{"symbol": "abort"}, {"imageOffset": 3}, {"symbol": "predict"}]}
        body = {
            "procName": EXECUTABLE,
            "exception": {"type": "EXC_CRASH", "signal": signal.Signals(-self.app.returncode).name},
            "termination": {"namespace": "SIGNAL", "indicator": "Abort trap: 6"},
            "faultingThread": 1,
            "threads": [{"frames": [{"symbol": "main"}]}, thread],
        }
        self.write_log(f"{EXECUTABLE}-{number}.ips", {"app_name": EXECUTABLE, "bug_type": "309"}, body)


#: Makes phones with some of these attributes.
Make = Callable[..., FakeIphone]


def write_app(folder: Path, **more: object) -> Path:
    """A built app as far as this computer looks into it."""
    path = folder / f"{EXECUTABLE}.app"
    path.mkdir()
    info = {"CFBundleIdentifier": BUNDLE, "CFBundleExecutable": EXECUTABLE, **more}
    (path / "Info.plist").write_bytes(plistlib.dumps(info))
    (path / EXECUTABLE).write_bytes(b"not really" * 100)
    return path
