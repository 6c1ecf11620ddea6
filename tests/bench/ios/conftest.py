"""Fake iPhones, and the two programs that reach them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from mobile_robust.bench.device import measure
from mobile_robust.bench.device.monitor import Limits
from mobile_robust.bench.device.plan import MeasurementPlan, choose_models
from mobile_robust.bench.inputs import TestSets, open_photos
from mobile_robust.bench.ios import devicectl
from mobile_robust.bench.ios.app import read_app
from mobile_robust.bench.ios.devicectl_link import DevicectlLink
from mobile_robust.bench.ios.link import Link
from mobile_robust.bench.ios.platform import IOS
from mobile_robust.bench.ios.pymobiledevice import PymobiledeviceLink
from mobile_robust.bench.ios.transport import IosTransport
from tests.bench.device.harness import Harness
from tests.bench.ios import fake_pymobiledevice
from tests.bench.ios.fake_devicectl import FakeDevicectl
from tests.bench.ios.fake_phone import FakeIphone, Make, write_app


class IosHarness(Harness):
    """``reconnect``: seconds a phone is awaited."""

    def __init__(self, plan: MeasurementPlan, out: Path, app: Path, link: Callable[[str], Link]) -> None:
        super().__init__(plan, out, self._connect)
        self._app, self._link, self.reconnect = read_app(app), link, 8.0

    def _connect(self, serial: str, pause: Callable[[float], None], say: Callable[[str], None]) -> IosTransport:
        placement = any(model.accelerator != "cpu" for model in self.plan.models)
        return IosTransport(self._link(serial), self._app, placement, self.reconnect, pause, say)


@pytest.fixture
def phones(tmp_path: Path) -> Iterator[list[FakeIphone]]:
    """All that there are."""
    made: list[FakeIphone] = []
    yield made
    for phone in made:
        phone.stop_app()


@pytest.fixture
def make_phone(phones: list[FakeIphone], tmp_path: Path) -> Make:
    def make(**facts: object) -> FakeIphone:
        number = len(phones)
        phone = FakeIphone(tmp_path / f"phone{number}", f"00008120-001A2B3C4D5E6F7{number}")
        for name, value in facts.items():
            assert hasattr(phone, name)
            setattr(phone, name, value)
        phones.append(phone)
        return phone

    return make


@pytest.fixture
def phone(make_phone: Make) -> FakeIphone:
    """A good one."""
    return make_phone()


@pytest.fixture
def xcrun(phones: list[FakeIphone], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDevicectl]:
    """The fake devicectl, first on the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    fake = FakeDevicectl(folder, phones)
    yield fake
    fake.close()
    assert fake.surprises == []


@pytest.fixture
def library(phones: list[FakeIphone], monkeypatch: pytest.MonkeyPatch) -> None:
    """The fake pymobiledevice3."""
    fake_pymobiledevice.install(phones, monkeypatch)


@pytest.fixture(params=["devicectl", "pymobiledevice3"])
def link(request: pytest.FixtureRequest) -> Callable[[str], Link]:
    """What makes a connection to a phone, by either program."""
    if request.param == "pymobiledevice3":
        request.getfixturevalue("library")
        return PymobiledeviceLink
    request.getfixturevalue("xcrun")
    program = devicectl.find_devicectl()
    assert program is not None
    return partial(DevicectlLink, program)


@pytest.fixture
def app(tmp_path: Path) -> Path:
    return write_app(tmp_path)


@pytest.fixture(scope="session")
def ios_plan(plan: MeasurementPlan, pipeline_build: Path, photos: Path, tmp_path_factory: pytest.TempPathFactory):
    """One package on CPU and Neural Engine, six photos, two repetitions."""
    models = choose_models(IOS, [pipeline_build], [], ["cpu", "npu"])
    sets = TestSets(open_photos(photos), tmp_path_factory.mktemp("sets"))
    return replace(plan, platform=IOS, models=models, inputs=[sets.of(model) for model in models])


@pytest.fixture
def harness(ios_plan: MeasurementPlan, app: Path, link: Callable[[str], Link], tmp_path: Path) -> IosHarness:
    return IosHarness(ios_plan, tmp_path / "out", app, link)


@pytest.fixture
def arguments_of(app: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Makes commands of a build, photos and more; they look at phones more often than a user's do."""
    monkeypatch.setattr(measure, "Limits", partial(Limits, poll=0.2))
    monkeypatch.setenv("COLUMNS", "160")
    fixed = ["--cool-down", "0", "--app", str(app), "--out", str(tmp_path / "out")]
    return lambda build, photos, *more: ["ios", str(build), "--images", str(photos), *fixed, *more]
