"""What the app is built from: coordinates in a Maven repository, and the list of them in ``android_bench/``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from mobile_robust.errors import InputError, unknown

#: app: goes into the APK. compile: Android's classes and resources. test: of the tests on the JVM. kotlin: a compiler.
_SCOPES = ("app", "compile", "test", "kotlin")


@dataclass(frozen=True)
class Coordinate:
    """``group:artifact:version[:packaging[:classifier]]``."""

    group: str
    artifact: str
    version: str
    packaging: str = "jar"
    classifier: str = ""

    @property
    def name(self) -> str:
        """File name in the repository."""
        classifier = f"-{self.classifier}" if self.classifier else ""
        return f"{self.artifact}-{self.version}{classifier}.{self.packaging}"

    @property
    def path(self) -> str:
        """Path in the repository, and in the cache."""
        return f"{self.group.replace('.', '/')}/{self.artifact}/{self.version}/{self.name}"


def parse(text: str) -> Coordinate:
    """A coordinate from its text. Raises InputError where it is none; no field may lead out of the cache either."""
    fields = text.split(":")
    if not 3 <= len(fields) <= 5 or not all(re.fullmatch(r"\w[\w.-]*", x) and ".." not in x for x in fields):
        raise InputError(f"{text!r}: not a coordinate; must be group:artifact:version[:packaging[:classifier]]")
    return Coordinate(*fields)


def sources() -> Path:
    """The app's sources: inside the package when installed from a wheel, ``android_bench/`` in a checkout."""
    package = Path(__file__).resolve().parents[3]
    installed = package / "android_bench"
    return installed if installed.is_dir() else package.parent / "android_bench"


def read_dependencies(folder: Path) -> dict[str, list[str]]:
    """Of ``dependencies.txt`` in the sources: scope -> coordinates, in the file's order."""
    path = folder / "dependencies.txt"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    found: dict[str, list[str]] = {scope: [] for scope in _SCOPES}
    for number, line in enumerate(lines, 1):
        fields = line.split("#")[0].split()
        if not fields:
            continue
        if len(fields) != 2:
            raise InputError(f"{path}: line {number}: must be a coordinate and a scope, is {line!r}")
        if fields[1] not in _SCOPES:
            raise unknown(f"scope in {path}, line {number},", fields[1], _SCOPES)
        parse(fields[0])
        found[fields[1]].append(fields[0])
    return found
