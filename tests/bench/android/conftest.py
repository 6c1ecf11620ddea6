"""Fake phones, and the real adb to reach them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from mobile_robust.bench.device import measure
from mobile_robust.bench.device.monitor import Limits
from mobile_robust.bench.device.plan import MeasurementPlan
from tests.bench.android.fake_phone import FakePhone, Make, own_server, plugged_in
from tests.bench.android.harness import AdbHarness, call_adb, skip


@pytest.fixture(scope="session")
def adb_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Of an adb whose server is the tests' own, and ends with them."""
    program = shutil.which("adb") or skip("adb is missing: apt-get install adb")
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
    call_adb("disconnect")
    return Path(str(shutil.which("adb")))


@pytest.fixture
def make_phone(adb: Path, tmp_path: Path) -> Iterator[Make]:
    """Makes phones, which adb's server is connected to where nothing else is asked for."""
    made: list[FakePhone] = []

    def make(connected: bool = True, **facts: object) -> FakePhone:
        phone = FakePhone(tmp_path / f"phone{len(made)}")
        for name, value in facts.items():
            assert hasattr(phone, name)
            setattr(phone, name, value)
        made.append(phone)
        if phone.wired:
            call_adb("start-server")
            plugged_in(phone, int(os.environ["ANDROID_ADB_SERVER_PORT"]))
        elif connected:
            call_adb("connect", phone.serial)
        return phone

    yield make
    for phone in made:
        phone.close()
    if any(phone.wired for phone in made):  # else the server would look for them for a while
        call_adb("kill-server")
    assert [phone.surprises for phone in made] == [[]] * len(made)


@pytest.fixture
def phone(make_phone: Make) -> FakePhone:
    """A good one."""
    return make_phone()


@pytest.fixture
def apk(tmp_path: Path) -> Path:
    path = tmp_path / "bench.apk"
    path.write_bytes(b"PK not really an app" * 5000)
    return path


@pytest.fixture
def harness(plan: MeasurementPlan, adb: Path, apk: Path, tmp_path: Path) -> AdbHarness:
    return AdbHarness(plan, tmp_path / "out", adb, apk)


@pytest.fixture
def arguments_of(apk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Makes commands of a build, photos and more; they look at phones more often than a user's do."""
    monkeypatch.setattr(measure, "Limits", partial(Limits, poll=0.2))
    monkeypatch.setenv("COLUMNS", "160")
    fixed = ["--cool-down", "0", "--apk", str(apk), "--out", str(tmp_path / "out")]
    return lambda build, photos, *more: ["android", str(build), "--images", str(photos), *fixed, *more]
