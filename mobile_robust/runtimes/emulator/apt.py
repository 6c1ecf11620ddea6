"""Debian's packages by the machine's own sources and keys, but with lists and state of our own.

So it needs no root, changes nothing of the system, and reads the lists of both architectures.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from mobile_robust.errors import InputError
from mobile_robust.files import sha256
from mobile_robust.runtimes.emulator.sandbox import InstalledPackage

#: What other programs have hung into every update of the system's lists is not for ours.
_CLEARED = ("APT::Architectures", "APT::Update::Post-Invoke", "APT::Update::Post-Invoke-Success")
#: Without a network apt has an error for every package.
_MOST_ERRORS = 3


@dataclass(frozen=True)
class Deb:
    """A package as the signed lists have it."""

    file: str
    sha256: str

    @property
    def package(self) -> InstalledPackage:
        """As the sandbox's manifest has it."""
        name, version, architecture = self.file.removesuffix(".deb").split("_")
        return InstalledPackage(f"{name}:{architecture}", unquote(version), self.sha256)


class Apt:
    """apt-get in a folder of its own, made where missing, which keeps lists and packages."""

    def __init__(self, folder: Path) -> None:
        self.packages, self._empty = folder / "packages", folder / "empty"
        for name in ("packages", "empty", "lists/partial", "cache/archives/partial"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / "status").touch()
        (folder / "apt.conf").write_text("".join(f"#clear {name};\n" for name in _CLEARED))
        settings = {
            "APT::Architecture": "amd64",
            "APT::Architectures::": "amd64",
            "APT::Architectures::1": "arm64",
            "APT::Sandbox::User": "root",  # apt's own user may not see into the cache of the one who runs this
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
            "Dir::Cache": str(folder / "cache"),
            "Dir::State::Lists": str(folder / "lists"),
            "Dir::State::status": str(folder / "status"),
        }
        options = [f"-o{key}={value}" for key, value in settings.items()]
        self._command = ["apt-get", "-q", f"-c{folder / 'apt.conf'}", *options]

    def update(self) -> None:
        """Reads the signed lists; where a source does not answer, older lists of it stay, if there are any."""
        self._run(self._empty, "update")

    def download(self, host: Sequence[str], arm64: Sequence[str]) -> list[Deb]:
        """Downloads packages for x86-64 and ARM64 but those that an earlier try left; what now lies in ``packages``.

        Raises:
            InputError: The lists have no such package, or it cannot be had, or is another than they say.
        """
        names = [f"{name}:amd64" for name in host] + [f"{name}:arm64" for name in arm64]
        # 'URI' FILE SIZE SHA256:HASH. Asked where no package lies: apt leaves out those that do.
        listed = self._run(self._empty, "download", "--print-uris", *names).splitlines()
        debs = [Deb(file, digest.removeprefix("SHA256:")) for _, file, _, digest in map(str.split, listed)]
        if missing := [deb for deb in debs if not self._has(deb)]:
            for deb in missing:
                (self.packages / deb.file).unlink(missing_ok=True)
            self._run(self.packages, "download", *(deb.package.name for deb in missing))
        if wrong := [deb.file for deb in debs if not self._has(deb)]:
            raise InputError(f"{', '.join(wrong)}: not what the signed lists of the archive say; try again")
        return debs

    def _has(self, deb: Deb) -> bool:
        path = self.packages / deb.file
        return path.is_file() and sha256(path) == deb.sha256

    def _run(self, folder: Path, *arguments: str) -> str:
        done = subprocess.run(
            [*self._command, *arguments],
            cwd=folder,
            env={**os.environ, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            errors = [line for line in done.stderr.splitlines() if line.startswith("E:")][:_MOST_ERRORS]
            raise InputError(
                f"apt-get {arguments[0]} failed: {' | '.join(errors) or done.stderr.strip()}\n"
                "The sandbox is made of Debian 12's packages: it needs apt sources for it, and a network."
            )
        return done.stdout
