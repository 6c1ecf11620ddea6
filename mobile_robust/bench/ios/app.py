"""The benchmark app: a built .app or .ipa, and how Xcode builds it."""

from __future__ import annotations

import plistlib
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from xml.parsers.expat import ExpatError

from mobile_robust.bench.device.words import parse_line
from mobile_robust.errors import InputError
from mobile_robust.files import output_lock
from mobile_robust.options import make_folder

#: What the app's bundle id begins with; the team's id follows, as an id belongs to one team only.
BUNDLE_PREFIX = "org.mobilerobust.bench"
_PROJECT, _SCHEME = "app/MobileRobustBench.xcodeproj", "MobileRobustBench"
#: Seconds that Xcode may take, from nothing.
_BUILD_SECONDS = 1800.0
#: Lines of Xcode's that say why it failed.
_MOST_LINES = 5


@dataclass(frozen=True)
class App:
    """A built app: its file or folder, bundle id, and the name of its executable."""

    path: Path
    bundle: str
    executable: str


def read_app(path: Path) -> App:
    """What an .app (a folder) or .ipa says of itself. Raises InputError where it is not the benchmark app."""
    try:
        info = plistlib.loads(_info(path))
        bundle, executable = str(info["CFBundleIdentifier"]), str(info["CFBundleExecutable"])
    except (OSError, zipfile.BadZipFile, StopIteration, plistlib.InvalidFileException, ExpatError) as error:
        raise InputError(f"{path}: not an .app or .ipa: {error or 'no Info.plist in it'}") from None
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: its Info.plist is not that of an app: {error}") from None
    if not bundle.startswith(BUNDLE_PREFIX) or not bundle.isascii() or not bundle.replace(".", "").isalnum():
        raise InputError(f"{path}: is the app {bundle[:100]!r}; needed: {BUNDLE_PREFIX} and a team id")
    return App(path, bundle, executable)


def _info(path: Path) -> bytes:
    """Its property list."""
    if path.is_dir():
        return (path / "Info.plist").read_bytes()
    with zipfile.ZipFile(path) as file:
        names = [name for name in file.namelist() if name.startswith("Payload/") and name.count("/") == 2]
        return file.read(next(name for name in names if name.endswith(".app/Info.plist")))


def sources() -> Path:
    """The folder of the app's sources, in the checkout or in the installed package. Raises InputError where none is."""
    package = Path(__file__).resolve().parents[2]
    for folder in (package / "ios_bench", package.parent / "ios_bench"):
        if (folder / _PROJECT).is_dir():
            return folder
    raise InputError("the sources of the iOS app are missing: install mobile-robust from a checkout, or give --app")


def build_app(out: Path, team: str | None, notify: Callable[[str], None]) -> App:
    """Builds and signs the app with Xcode, which repeats only what has changed.

    Args:
        out: Gets a copy of the sources and what Xcode makes of them.
        team: Id of the developer's team.
        notify: Called with a line a step.

    Raises:
        InputError: No Xcode, no team, or Xcode failed; with its reason.
    """
    program = shutil.which("xcodebuild")
    if program is None:
        raise InputError(
            "the app cannot be built here, as only a Mac has xcodebuild: build it there "
            "(mobile-robust bench ios --build --team ID), and give its .app or .ipa by --app"
        )
    if team is None:
        raise InputError(
            "--team is missing: the id of your Apple developer team, ten characters, signs the app (Xcode "
            "shows it under Settings, Accounts; a free account has one)"
        )
    make_folder(out)
    with output_lock(out):
        copy, products = out / "sources", out / "xcode"
        shutil.copytree(sources(), copy, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".build", ".swiftpm"))
        notify("building the app with Xcode")
        _run(
            program,
            *("-project", str(copy / _PROJECT), "-scheme", _SCHEME, "-configuration", "Release"),
            *("-destination", "generic/platform=iOS", "-derivedDataPath", str(products)),
            *(f"DEVELOPMENT_TEAM={team}", "-allowProvisioningUpdates", "-quiet", "build"),
        )
        return read_app(products / "Build/Products/Release-iphoneos" / f"{_SCHEME}.app")


def _run(*command: str) -> None:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_BUILD_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise InputError(f"xcodebuild did not end within {_BUILD_SECONDS:.0f} s") from None
    if done.returncode != 0:
        lines = f"{done.stdout}\n{done.stderr}".splitlines()
        errors = [line for line in lines if "error:" in line] or [line for line in lines if line.strip()][-1:]
        said = "; ".join(dict.fromkeys(parse_line(line, 300) for line in errors))
        raise InputError(f"xcodebuild failed (exit code {done.returncode}): {said[: 300 * _MOST_LINES]}")
