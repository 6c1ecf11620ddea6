"""The shell of the fake phone: files by this computer's own shell, in the phone's folder; the rest of Android here."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.bench.android.fake_phone import FakePhone

PACKAGE = "org.mobilerobust.bench"
_APK = "/data/app/~~a1B2_c3==/org.mobilerobust.bench-d4-E5==/base.apk"
Result = tuple[bytes, bytes, int]


class Shell:
    """Runs one line at a time: COMMAND; echo WORD$?"""

    def __init__(self, phone: FakePhone) -> None:
        self._phone = phone

    def line(self, line: str) -> Result:
        """Output, errors and exit code."""
        command, echo, mark = line.partition("; echo ")
        output, errors, code = self._command(command.split(" "))
        return (output + mark.replace("$?", f"{code}\n").encode(), errors, 0) if echo else (output, errors, code)

    def _command(self, words: list[str]) -> Result:
        name, *rest = words
        if name == "run-as":
            return self._as_app(rest)
        if name in ("am", "pm", "dumpsys"):
            return getattr(self, f"_{name}")(rest)
        if name == "pidof":
            return (b"4711\n", b"", 0) if self._phone.app_runs() else (b"", b"", 1)
        prints = {
            "getprop": lambda: "".join(f"[{k}]: [{v}]\n" for k, v in self._phone.properties.items()),
            "date": lambda: {"+%s": "%d\n", "+%s%z": "%d+0530\n"}[rest[0]] % int(time.time()),
            "logcat": self._phone.crashes,
            "df": lambda: (
                "Filesystem     1K-blocks Used Available Use% Mounted on\n"
                f"/dev/block/dm-8 99999999 1234 {self._phone.free_kilobytes} 1% /data/user/0\n"
            ),
        }
        return (prints[name]().encode(), b"", 0) if name in prints else self._files(words, self._phone.root)

    def _am(self, words: list[str]) -> Result:
        if words == ["force-stop", PACKAGE]:
            self._phone.stop_app()
            return b"", b"", 0
        assert words[:-1] == ["start", "-W", "-n", f"{PACKAGE}/.BenchActivity", "--es", "job"], words
        if not self._phone.files.parent.exists():
            return b"Error type 3\nError: Activity class does not exist.\n", b"", 1
        self._phone.start_app(words[-1])
        return self._phone.happening("am start", b"Status: ok\nComplete\n"), b"", 0

    def _pm(self, words: list[str]) -> Result:
        installed = self._phone.path(_APK)
        if words == ["path", PACKAGE]:
            return (f"package:{_APK}\n".encode(), b"", 0) if installed.exists() else (b"", b"", 1)
        if words == ["uninstall", PACKAGE]:
            for folder in ("apk", "app"):
                shutil.rmtree(self._phone.root / folder, ignore_errors=True)
            return b"Success\n", b"", 0
        assert words[:2] == ["install", "-r"], words
        self._phone.happening("pm install")
        if self._phone.refusal is not None:
            return b"", f"Failure [{self._phone.refusal}]\n".encode(), 1
        installed.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(self._phone.path(words[2]), installed)
        (self._phone.root / "app").mkdir(exist_ok=True)
        return b"Success\n", b"", 0

    def _dumpsys(self, words: list[str]) -> Result:
        if words == ["activity", "exit-info", PACKAGE]:
            return self._phone.ends().encode(), b"", 0
        if words == ["thermalservice"]:
            return f"IsStatusOverride: false\nThermal Status: {self._phone.thermal}\n".encode(), b"", 0
        assert words == ["battery"], words
        powered = str(self._phone.powered).lower()
        text = f"Current Battery Service state:\n  AC powered: false\n  USB powered: {powered}\n"
        return f"{text}  level: {self._phone.battery}\n".encode(), b"", 0

    def _as_app(self, words: list[str]) -> Result:
        package, name, *rest = words
        home = self._phone.root / "app"
        if package != PACKAGE or not home.exists():
            return b"", f"run-as: unknown package: {package}\n".encode(), 1
        if name == "cp":
            source = self._phone.path(rest[0])
            if not source.stat().st_mode & 0o004:  # as user IDs would have it
                return b"", f"cp: {rest[0]}: Permission denied\n".encode(), 1
            self._phone.happening("run-as cp")
            if source.stat().st_size > 1024 * self._phone.free_kilobytes:
                return b"", f"cp: {rest[1]}: No space left on device\n".encode(), 1
        return self._files([name, *rest], home)

    def _files(self, words: list[str], folder: Path) -> Result:
        """``folder``: where the command runs; absolute paths are those of :meth:`FakePhone.path`."""
        name = words[0]
        assert name in ("true", "mkdir", "rm", "cat", "sha256sum", "chmod", "cp"), words
        here = [str(self._phone.path(word)) if word.startswith("/") else word for word in words]
        done = subprocess.run(here, cwd=folder, capture_output=True, check=False)
        output = done.stdout
        for path, word in zip(here[1:], words[1:], strict=True):
            if name == "sha256sum":
                output = output.replace(path.encode(), word.encode())
            elif name == "cat" and (folder / path).exists():
                output = self._phone.happening(f"cat {Path(word).name}", output)
        return output, done.stderr, done.returncode
