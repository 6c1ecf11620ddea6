"""Measures on fake phones through the real adb."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mobile_robust.bench.android.adb import AdbLink
from mobile_robust.bench.android.transport import AdbTransport
from mobile_robust.bench.device.plan import MeasurementPlan
from tests.bench.device.harness import Harness


class AdbHarness(Harness):
    """See the file. ``reconnect``: seconds a phone is awaited."""

    def __init__(self, plan: MeasurementPlan, out: Path, adb: Path, apk: Path) -> None:
        super().__init__(plan, out, self._connect)
        self.adb, self.apk, self.reconnect = adb, apk, 8.0

    def _connect(self, serial: str, pause: Callable[[float], None], say: Callable[[str], None]) -> AdbTransport:
        return AdbTransport(AdbLink(self.adb, serial, pause), self.apk, self.reconnect, say)
