"""Measures on fake phones through the real adb."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from mobile_robust.bench.android.adb import AdbLink
from mobile_robust.bench.android.transport import AdbTransport
from mobile_robust.bench.device.plan import MeasurementPlan
from tests.bench.device.harness import Harness

#: Whether MOBILE_ROBUST_REQUIRE (names, comma-separated) asks for what the Android app and its tests need.
REQUIRED = "android" in os.environ.get("MOBILE_ROBUST_REQUIRE", "").split(",")


def skip(reason: str) -> NoReturn:
    """Skips the test; fails it where it is required."""
    if REQUIRED:
        pytest.fail(f"MOBILE_ROBUST_REQUIRE asks for android, but {reason}")
    pytest.skip(reason)


def call_adb(*arguments: str) -> None:
    subprocess.run(["adb", *arguments], check=True, capture_output=True, timeout=30)


class AdbHarness(Harness):
    """``reconnect``: seconds a phone is awaited."""

    def __init__(self, plan: MeasurementPlan, out: Path, adb: Path, apk: Path) -> None:
        super().__init__(plan, out, self._connect)
        self.adb, self.apk, self.reconnect = adb, apk, 8.0

    def _connect(self, serial: str, pause: Callable[[float], None], say: Callable[[str], None]) -> AdbTransport:
        return AdbTransport(AdbLink(self.adb, serial, pause), self.apk, self.reconnect, say)
