"""Compiles and tests the Swift of ``ios_bench/`` on this machine; Apple's frameworks are the stubs in ``stubs/``."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

from tests.android_bench.java_tools import call

SOURCES = Path(__file__).resolve().parents[2] / "ios_bench"
STUBS = Path(__file__).with_name("stubs")
#: Apple's modules, each after those that it needs; AppleFoundation is what Linux's Foundation lacks.
MODULES = ("AppleFoundation", "Darwin", "CoreVideo", "CoreML", "Combine", "UIKit", "SwiftUI")
#: Whether MOBILE_ROBUST_REQUIRE (names, comma-separated) asks for a Swift toolchain.
REQUIRED = "swift" in os.environ.get("MOBILE_ROBUST_REQUIRE", "").split(",")


def skip(reason: str) -> NoReturn:
    """Skips the test; fails it where it is required."""
    if REQUIRED:
        pytest.fail(f"MOBILE_ROBUST_REQUIRE asks for swift, but {reason}")
    pytest.skip(reason)


def program(name: str) -> str:
    """Its path; skips where it is missing."""
    if (path := shutil.which(name)) is None:
        skip(f"there is no {name} (.ci/swift gets it from Debian 13)")
    return path


def swift_sources(folder: str) -> list[Path]:
    """The Swift files of a folder in ``ios_bench/``."""
    return sorted((SOURCES / folder).glob("*.swift"))


class TypeChecker:
    """Checks sources against the stubs and the package's own modules, which are in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def module(self, name: str, sources: list[Path]) -> str:
        """Compiles a module, for those that come after it. Gives what the compiler printed."""
        return self._call(
            "-emit-module", "-parse-as-library", "-o", self._folder / f"{name}.swiftmodule", name, sources
        )

    def check(self, name: str, sources: list[Path], *flags: str) -> str:
        """Checks the types of a program, all files in one go (-wmo), so that an error in one hides none in another."""
        return self._call("-typecheck", "-wmo", *flags, name, sources)

    def _call(self, *arguments: object) -> str:
        *flags, name, sources = arguments
        common = ("-swift-version", "5", "-warnings-as-errors", "-I", self._folder, "-module-name", name)
        return call(program("swiftc"), *flags, *common, *sources)
