"""Fake phones, and the real adb to reach them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mobile_robust.bench.device.plan import MeasurementPlan
from tests.bench.android.fake_phone import FakePhone, own_server, plugged_in
from tests.bench.android.harness import AdbHarness


@pytest.fixture(scope="session")
def adb_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Of an adb whose server is the tests' own, and ends with them."""
    program = shutil.which("adb")
    if program is None:
        reason = "adb is missing: apt-get install adb"
        if "android" in os.environ.get("MOBILE_ROBUST_REQUIRE", "").split(","):
            pytest.fail(f"MOBILE_ROBUST_REQUIRE asks for android, but {reason}")
        pytest.skip(reason)
    environment = own_server(tmp_path_factory.mktemp("adb") / "home")
    yield environment
    subprocess.run([program, "kill-server"], env=environment, check=False, capture_output=True, timeout=30)


@pytest.fixture
def adb(adb_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The program; its server knows no device."""
    for name, value in adb_environment.items():
        monkeypatch.setenv(name, value)
    for name in ("ANDROID_SERIAL", "ADB_VENDOR_KEYS", "ADB_SERVER_SOCKET"):
        monkeypatch.delenv(name, raising=False)
    program = shutil.which("adb")
    assert program is not None
    subprocess.run([program, "disconnect"], check=True, capture_output=True, timeout=30)
    return Path(program)


@pytest.fixture
def make_phone(adb: Path, tmp_path: Path) -> Iterator[Callable[..., FakePhone]]:
    """Makes phones, which adb's server is connected to where nothing else is asked for."""
    made: list[FakePhone] = []

    def make(connected: bool = True, **facts: object) -> FakePhone:
        phone = FakePhone(tmp_path / f"phone{len(made)}")
        for name, value in facts.items():
            assert hasattr(phone, name)
            setattr(phone, name, value)
        made.append(phone)
        if phone.wired:
            subprocess.run([adb, "start-server"], check=True, capture_output=True, timeout=30)
            plugged_in(phone, int(os.environ["ANDROID_ADB_SERVER_PORT"]))
        elif connected:
            subprocess.run([adb, "connect", phone.serial], check=True, capture_output=True, timeout=30)
        return phone

    yield make
    for phone in made:
        phone.close()
    if any(phone.wired for phone in made):  # else the server would look for them for a while
        subprocess.run([adb, "kill-server"], check=True, capture_output=True, timeout=30)
    assert [phone.surprises for phone in made] == [[]] * len(made)


@pytest.fixture
def phone(make_phone: Callable[..., FakePhone]) -> FakePhone:
    """A good one."""
    return make_phone()


@pytest.fixture
def harness(plan: MeasurementPlan, adb: Path, tmp_path: Path) -> AdbHarness:
    apk = tmp_path / "bench.apk"
    apk.write_bytes(b"PK not really an app" * 5000)
    return AdbHarness(plan, tmp_path / "out", adb, apk)
