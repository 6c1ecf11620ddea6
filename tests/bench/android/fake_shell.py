"""The shell of the fake phone: just the commands the benchmark gives a phone."""

from __future__ import annotations

import hashlib
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.bench.android.fake_phone import FakePhone

PACKAGE = "org.mobilerobust.bench"
_APK = "/data/app/~~a1B2_c3==/org.mobilerobust.bench-d4-E5==/base.apk"
Result = tuple[bytes, bytes, int]


class Shell:
    """One line at a time: COMMAND; echo WORD$?"""

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
        simple = {
            "true": lambda: b"",
            "getprop": lambda: "".join(f"[{k}]: [{v}]\n" for k, v in self._phone.properties.items()).encode(),
            "date": lambda: {"+%s": "%d\n", "+%s%z": "%d+0530\n"}[rest[0]].encode() % int(time.time()),
            "logcat": lambda: self._phone.crashes().encode(),
            "df": lambda: (
                b"Filesystem     1K-blocks Used Available Use%% Mounted on\n"
                b"/dev/block/dm-8 99999999 1234 %d 1%% /data/user/0\n" % self._phone.free_kilobytes
            ),
        }
        if name in simple:
            return simple[name](), b"", 0
        if name == "pidof":
            return (b"4711\n", b"", 0) if self._phone.app_runs() else (b"", b"", 1)
        return self._files(name, rest, self._phone.path)

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
        assert installed is not None
        if words == ["path", PACKAGE]:
            return (f"package:{_APK}\n".encode(), b"", 0) if installed.exists() else (b"", b"", 1)
        if words == ["uninstall", PACKAGE]:
            shutil.rmtree(self._phone.root / "apk", ignore_errors=True)
            shutil.rmtree(self._phone.root / "app", ignore_errors=True)
            return b"Success\n", b"", 0
        assert words[:2] == ["install", "-r"], words
        self._phone.happening("pm install")
        if self._phone.refusal is not None:
            return b"", f"Failure [{self._phone.refusal}]\n".encode(), 1
        source = self._phone.path(words[2])
        assert source is not None
        installed.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, installed)
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

        def inside(path: str) -> Path | None:
            if not path.startswith("/"):
                return home / path
            found = self._phone.path(path)
            # as user IDs would have it: a file is the app's to read where its mode says that it is everybody's
            return found if found and (not found.exists() or found.stat().st_mode & 0o004) else None

        return self._files(name, rest, inside)

    def _files(self, name: str, words: list[str], path: object) -> Result:
        options = [word for word in words if word.startswith("-")]
        names = [word for word in words if not word.startswith("-")]
        if name == "chmod":
            mode, names = int(names[0], 8), names[1:]
        output, errors, code = b"", b"", 0
        if name == "cp":
            return self._copy(names, path)
        for word in names:
            file = path(word)
            if name == "mkdir" and options == ["-p"] and file:
                file.mkdir(parents=True, exist_ok=True)
            elif name == "rm" and file:
                shutil.rmtree(file, ignore_errors=True) if file.is_dir() else file.unlink(missing_ok=True)
            elif not file or not file.exists():
                errors, code = errors + f"{name}: {word}: No such file or directory\n".encode(), 1
            elif name == "cat":
                output += self._phone.happening(f"cat {file.name}", file.read_bytes())
            elif name == "sha256sum":
                output += f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {word}\n".encode()
            elif name == "chmod":
                file.chmod(mode)
            else:
                raise AssertionError(f"the phone has no command {name}")
        return output, errors, code

    def _copy(self, names: list[str], path: object) -> Result:
        source, target = (path(name) for name in names)
        if source is None or not source.exists():
            return b"", f"cp: {names[0]}: Permission denied\n".encode(), 1
        data = self._phone.happening("run-as cp", source.read_bytes())
        if len(data) > 1024 * self._phone.free_kilobytes:
            return b"", f"cp: {names[1]}: No space left on device\n".encode(), 1
        target.write_bytes(data)
        return b"", b"", 0
