"""A fake device and who measures on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mobile_robust.bench.device.plan import MeasurementPlan
from tests.bench.device.fake_transport import PLATFORM, FakeTransport
from tests.bench.device.harness import Harness


@pytest.fixture
def device(tmp_path: Path) -> Iterator[FakeTransport]:
    made = FakeTransport(tmp_path / "device")
    yield made
    made.stop_app()


@pytest.fixture
def harness(plan: MeasurementPlan, device: FakeTransport, tmp_path: Path) -> Harness:
    return Harness(replace(plan, platform=PLATFORM), tmp_path / "out", lambda *_: device)
