"""One phone as the benchmark uses it: the app on it, and files the app keeps by their hash.

Every step may be repeated without harm, and is where the connection broke.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from mobile_robust.bench.android.adb import QUICK, Answer, Link
from mobile_robust.bench.android.apk.verify import PACKAGE
from mobile_robust.bench.device.errors import (
    DroppedError,
    InstallError,
    LostError,
    NotInstalledError,
    PhoneError,
    StorageFullError,
    WrongHashError,
)
from mobile_robust.files import sha256

#: Where adb may write; the app's own folder is only reached from there.
_ENTRY = "/data/local/tmp/mobile_robust"
_INSTALL_SECONDS, _START_SECONDS = 240.0, 60.0
_SPARE_BYTES = 64 * 2**20
#: Connections that break during one and the same step before the phone counts as lost.
_BREAKS = 5

_T = TypeVar("_T")


@dataclass(frozen=True)
class Blob:
    """A file for the app. ``suffix`` is that of its name on the phone, whose stem is ``sha256``."""

    path: Path
    sha256: str
    suffix: str

    @property
    def name(self) -> str:
        """In the app's folder."""
        return self.sha256 + self.suffix

    @property
    def size(self) -> int:
        """In bytes."""
        return self.path.stat().st_size


class Phone:
    """See the file.

    Args:
        link: adb's way to it.
        patience: Seconds it is awaited after the connection broke.
        tell: Told when that happens.
    """

    def __init__(self, link: Link, patience: float, tell: Callable[[str], None]) -> None:
        self.link, self._patience, self._tell = link, patience, tell
        self.serial = link.serial

    def install(self, apk: Path) -> None:
        """Installs the app where this very APK is not there.

        Raises:
            InstallError: The phone refuses it.
            StorageFullError: No room.
            WrongHashError: It arrives changed.
        """
        blob = Blob(apk, sha256(apk), ".apk")
        self.shell("mkdir", "-p", _ENTRY)
        if self._installed() != blob.sha256:
            self.require_room([blob, blob])  # the file, and the app made of it
            self._tell("installing the app")
            self._steadily(lambda: self._install(blob))
        self._inside("mkdir", "-p", "files")

    def require_room(self, blobs: Iterable[Blob]) -> None:
        """Raises StorageFullError where so many files, and some room to work in, do not fit."""
        lines = self.text("df", "-k", "/data").split("\n")
        numbers = [int(word) for word in " ".join(lines[1:]).split() if word.isdecimal()]
        if len(numbers) >= 3 and 1024 * numbers[2] < sum(blob.size for blob in blobs) + _SPARE_BYTES:
            raise StorageFullError(self.serial)

    def absent(self, blobs: Iterable[Blob]) -> list[Blob]:
        """Those the app does not have whole."""
        wanted = {blob.name: blob for blob in blobs}
        answer = self._inside("sha256sum", *(f"files/{name}" for name in wanted), timeout=10 * QUICK)
        there = _hashes(answer.output)
        return [blob for name, blob in wanted.items() if there.get(f"files/{name}") != blob.sha256]

    def put(self, blob: Blob, name: str | None = None) -> None:
        """Gives the app a file.

        Args:
            blob: The file.
            name: Its name there; None: the blob's.

        Raises:
            WrongHashError: It arrives changed, twice.
            StorageFullError: No room.
        """
        self._steadily(lambda: self._put(blob, name or blob.name))

    def read(self, name: str) -> bytes | None:
        """A file of the app; None where it has none of this name."""
        answer = self._inside("cat", f"files/{name}", timeout=10 * QUICK)
        return answer.output if answer.code == 0 else None

    def read_together(self, *names: str) -> bytes:
        """Small files of the app one after the other, in one command; those that there are."""
        return self._inside("cat", *(f"files/{name}" for name in names)).output

    def start(self, job: str, sign: str) -> None:
        """Starts the app anew on a job.

        Args:
            job: Name of the job's file.
            sign: Name of a file that the app writes as soon as it has begun.

        Raises:
            PhoneError: It does not start.
        """
        self._steadily(lambda: self._start(job, sign))

    def stop(self) -> None:
        """Ends the app."""
        self.shell("am", "force-stop", PACKAGE)

    def running(self) -> bool:
        """Whether the app has a process."""
        return self.shell("pidof", PACKAGE).code == 0

    def clock(self) -> int:
        """Seconds since 1970, as the phone counts them; 0 where it does not say."""
        said = self.text("date", "+%s").strip()
        return int(said) if said.isdecimal() else 0

    def remove_run(self, run_id: str) -> None:
        """Removes the answers of a run."""
        self._inside("rm", "-rf", f"files/{run_id}")

    def uninstall(self) -> None:
        """Leaves nothing behind."""
        self.shell("pm", "uninstall", PACKAGE, timeout=_INSTALL_SECONDS)
        self.shell("rm", "-rf", _ENTRY)

    def text(self, *words: str | int) -> str:
        """What a command prints."""
        return self.shell(*words).output.decode(errors="replace")

    def shell(self, *words: str | int, timeout: float = QUICK) -> Answer:
        """See :meth:`Link.shell`; after a reconnection where the connection broke."""
        return self._steadily(lambda: self.link.shell(*words, timeout=timeout))

    def _inside(self, *words: str | int, timeout: float = QUICK) -> Answer:
        """As the app, in its folder."""
        answer = self.shell("run-as", PACKAGE, *words, timeout=timeout)
        if answer.complaint.startswith("run-as:"):
            raise NotInstalledError(
                self.serial,
                f"the app's folder cannot be entered ({answer.complaint.splitlines()[0]}): was it uninstalled? Give "
                "the command again",
            )
        return answer

    def _steadily(self, action: Callable[[], _T]) -> _T:
        """Raises LostError where the connection breaks again and again."""
        for _ in range(_BREAKS):
            try:
                return action()
            except DroppedError as error:
                last = error
                self._tell("connection lost, waiting for the phone")
                self.link.reconnect(self._patience)
        raise LostError(
            self.serial,
            f"the connection broke {_BREAKS} times at the same step ({last}); nothing measured is lost: try another "
            "cable or port, and give the same command again",
        )

    def _installed(self) -> str | None:
        """Hash of the app's APK."""
        text = self.text("pm", "path", PACKAGE)
        found = re.search(r"^package:(/data/app/[A-Za-z0-9_./=~-]+/base\.apk)$", text, re.MULTILINE)
        return _hashes(self.shell("sha256sum", found[1], timeout=10 * QUICK).output).get(found[1]) if found else None

    def _install(self, blob: Blob) -> None:
        there = self._deliver(blob)
        answer = self.link.shell("pm", "install", "-r", there, timeout=_INSTALL_SECONDS)
        self.link.shell("rm", "-f", there)
        said = f"{answer.output.decode(errors='replace')} {answer.complaint}"
        if answer.code != 0 or "Success" not in said:
            raise InstallError(self.serial, PACKAGE, said)

    def _put(self, blob: Blob, name: str) -> None:
        there = self._deliver(blob)
        target = f"files/{name}"
        copied = self.link.shell("run-as", PACKAGE, "cp", there, target, timeout=10 * QUICK)
        answer = self.link.shell("run-as", PACKAGE, "sha256sum", target, timeout=10 * QUICK)
        self.link.shell("rm", "-f", there)
        if _hashes(answer.output).get(target) != blob.sha256:
            raise WrongHashError(
                self.serial, f"{target} cannot be copied into the app: {copied.complaint or 'changed'}"
            )

    def _deliver(self, blob: Blob) -> str:
        """Pushes a file to where adb may write, and says where that is."""
        there = f"{_ENTRY}/{blob.name}"
        for _ in range(2):
            try:
                self.link.push(blob.path, there)
            except StorageFullError:
                self.link.shell("rm", "-f", there)  # the part that fitted in
                raise
            # adb hands on the file's mode here, which may keep others, such as the app, from reading it.
            self.link.shell("chmod", 644, there)
            got = _hashes(self.link.shell("sha256sum", there, timeout=10 * QUICK).output).get(there)
            if got == blob.sha256:
                return there
        self.link.shell("rm", "-f", there)
        raise WrongHashError(
            self.serial,
            f"{blob.path.name} arrived changed twice (SHA-256 {(got or 'none')[:16]}…, sent {blob.sha256[:16]}…): try "
            "another cable or port",
        )

    def _start(self, job: str, sign: str) -> None:
        if self.link.shell("run-as", PACKAGE, "cat", f"files/{sign}").code == 0:
            return  # the connection broke after it had begun
        self.link.shell("am", "force-stop", PACKAGE)
        answer = self.link.shell(
            *("am", "start", "-W", "-n", f"{PACKAGE}/.BenchActivity", "--es", "job", job), timeout=_START_SECONDS
        )
        said = f"{answer.output.decode(errors='replace')} {answer.complaint}"
        if answer.code != 0 or re.search(r"^\s*Error", said, re.MULTILINE):
            raise PhoneError(self.serial, f"the app does not start: {' '.join(said.split())}")


def _hashes(output: bytes) -> dict[str, str]:
    """What sha256sum printed, by path."""
    found = re.findall(r"^([0-9a-f]{64}) [ *](\S+)$", output.decode(errors="replace"), re.MULTILINE)
    return {path: digest for digest, path in found}
