"""An iPhone is measured on by either program, whatever happens to cable, owner, storage and app."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mobile_robust.bench.device.measure import folder_of
from mobile_robust.contracts.result import RESULT_NAME, Result
from tests.bench.device.harness import complete
from tests.bench.ios.conftest import IosHarness
from tests.bench.ios.fake_devicectl import FakeDevicectl
from tests.bench.ios.fake_phone import FakeIphone, Make


def test_a_good_phone_gets_each_file_once_and_is_left_as_it_was(harness: IosHarness, phone: FakeIphone) -> None:
    result = harness.measured(phone)
    assert complete(result) and [run.runtime.name for run in result.runs] == ["coreml_cpu", "coreml_npu"]
    assert result.app.platform == "ios" and phone.starts == 1
    package, inputs, *_ = phone.pushes
    assert package.endswith(".mlpackage") and inputs.endswith(".f32") and phone.pushes[-1] == "job.json"
    count = len(phone.pushes)
    harness.forget(phone)
    harness.keep = False
    assert complete(harness.measured(phone)) and phone.starts == 2
    assert phone.pushes[count:] == ["job.json"] and not (phone.root / "app").exists()


def test_an_app_that_ends_while_it_is_stopped_is_no_fault(harness: IosHarness, make_phone: Make) -> None:
    phone = make_phone(apps=[{"lingers": True}])
    phone.plan["kill"] = [phone.end_app]  # after its process was listed
    assert complete(harness.measured(phone)) and phone.starts == 1 and not phone.plan["kill"]


def test_the_cable_is_pulled_at_every_step(harness: IosHarness, phone: FakeIphone) -> None:
    phone.plan["install"] = [phone.drop]
    phone.plan["push"] = [phone.drop, bytes, phone.drop]
    phone.plan["launch"] = [phone.drop]
    phone.plan["pull progress.json"] = [phone.drop, lambda data: data, phone.drop]
    phone.plan["pull result.json"] = [phone.drop, phone.drop]
    phone.plan["pull outputs_0.f32"] = [phone.drop]
    assert complete(harness.measured(phone)) and phone.starts <= 3  # it may not have begun when it is seen again
    assert not phone.plan["push"] and not phone.plan["pull outputs_0.f32"]
    assert "connection lost, waiting for the phone" in harness.steps


def test_a_phone_that_stays_away_is_one_message_and_fetched_next_time(harness: IosHarness, phone: FakeIphone) -> None:
    harness.reconnect = 5  # of a busy machine, where one look at the phone may take a second
    phone.plan["pull result.json"] = [phone.unplug]  # its progress may not be seen: the app is quick
    message = harness.refused(phone)
    assert "did not come back within 5 s; nothing measured is lost" in message
    assert phone.app is not None and phone.app.wait(60) == 0  # it measures on, alone
    phone.connected, harness.reconnect = True, 8
    assert complete(harness.measured(phone)) and phone.starts == 1


def test_a_cable_that_breaks_again_and_again_is_one_message(harness: IosHarness, phone: FakeIphone) -> None:
    phone.plan["push"] = [phone.drop] * 9
    assert "the connection broke 5 times at the same step" in harness.refused(phone)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"trusts": False}, 'it does not trust this computer: unlock the phone, answer "Trust This Computer?"'),
        ({"locked": True}, "it is locked: unlock it, set Display & Brightness, Auto-Lock to Never"),
        ({"developer_mode": False}, "its Developer Mode is off: turn it on in Settings, Privacy & Security"),
        ({"version": "15.8"}, "has iOS 15.8; the app needs iOS 16.0: update it"),
        ({"version": "17.3.1"}, "only iOS 17.4 and later say on which unit Core ML runs an operation"),
        ({"signed": False}, "provisioning profile"),
        ({"trusts_developer": False}, "its owner must trust the app's developer, once: Settings, General, VPN"),
    ],
)
def test_a_phone_that_cannot_be_measured(harness: IosHarness, make_phone: Make, facts: dict, said: str) -> None:
    phone = make_phone(**facts)
    assert said in harness.refused(phone)
    assert phone.starts == 0 and not (folder_of(harness.out, phone.serial) / RESULT_NAME).exists()


def test_an_older_phone_is_measured_on_its_cpu(harness: IosHarness, make_phone: Make) -> None:
    harness.plan = replace(harness.plan, models=harness.plan.models[:1], inputs=harness.plan.inputs[:1])
    assert complete(harness.measured(make_phone(version="16.7.8")))


def test_a_storage_that_fills_up_on_the_way(harness: IosHarness, phone: FakeIphone) -> None:
    def fill(data: bytes) -> bytes:
        phone.free = 100
        return data

    phone.plan["push"] = [fill]
    assert "its storage is full: delete something there" in harness.refused(phone)
    phone.free = 10**10
    assert complete(harness.measured(phone))


def test_a_file_that_arrives_changed_is_pushed_again_and_twice_is_one_message(
    harness: IosHarness, phone: FakeIphone
) -> None:
    def change(data: bytes) -> bytes:
        return data[:-1] + b"?"

    phone.plan["push"] = [change] * 9
    assert "arrived changed twice" in harness.refused(phone)
    phone.plan["push"] = [change]
    assert complete(harness.measured(phone))


def test_an_app_that_crashes_or_is_killed_is_diagnosed(harness: IosHarness, make_phone: Make) -> None:
    harness.plan = replace(harness.plan, models=harness.plan.models[:1], inputs=harness.plan.inputs[:1])
    crashing, killed = make_phone(apps=[{"crash": 0}] * 2), make_phone(apps=[{"killed": 0}] * 2)
    ends = harness.run(crashing, killed)
    for phone, said in (
        (crashing, ": EXC_CRASH SIGABRT | Abort trap: 6 | in abort < predict; 2 times without a repetition"),
        (killed, ": iOS killed it for lack of memory (per-process-limit): close other apps there"),
    ):
        end = ends[phone.serial]
        assert isinstance(end, Result) and end.complete and phone.starts == 2
        (run,) = end.runs
        assert run.errors[0].message.startswith(f"the app crashed (repetition 0: {run.artifact} on the CPU){said}")


def test_a_crash_costs_no_repetition_that_is_there(harness: IosHarness, make_phone: Make) -> None:
    phone = make_phone(apps=[{"crash": 2}, {"killed": 1}])
    assert complete(harness.measured(phone)) and phone.starts == 3


def test_a_phone_that_gets_too_hot_says_so_and_is_resumed(harness: IosHarness, make_phone: Make) -> None:
    phone = make_phone(apps=[{"hot": 1}])
    result = harness.measured(phone)
    assert "phone too hot: thermal status 4 after 300 s" in result.runs[1].errors[0].message
    assert complete(harness.measured(phone))


def test_an_app_of_another_runtime_is_refused(harness: IosHarness, make_phone: Make) -> None:
    phone = make_phone(apps=[{"version": "8.2"}])
    assert "on coreml_cpu 8.2; asked for: coreml_cpu system" in str(harness.run(phone)[phone.serial])


def test_an_app_of_another_schema_is_refused(harness: IosHarness, make_phone: Make) -> None:
    message = harness.refused(make_phone(apps=[{"schema": 2}]))
    assert "its app writes results of schema version 2; this program knows version 1: build the app again" in message


def test_two_phones_at_a_time_one_of_them_bad(harness: IosHarness, make_phone: Make) -> None:
    good, bad = make_phone(), make_phone(trusts=False)
    ends = harness.run(good, bad)
    assert isinstance(ends[good.serial], Result) and "does not trust" in str(ends[bad.serial])


@pytest.mark.parametrize("link", ["pymobiledevice3"], indirect=True)
@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"battery": 9, "charging": False}, "its battery is at 9 % and not charging; it needs 15 %"),
        ({"hundredths": 4210}, "phone too hot: its battery has 42.1 °C, allowed are 40"),
        ({"free": 100}, "its storage is full: delete something there"),
    ],
)
def test_what_devicectl_cannot_ask_for(harness: IosHarness, make_phone: Make, facts: dict, said: str) -> None:
    assert said in harness.refused(make_phone(**facts))


@pytest.mark.parametrize("link", ["pymobiledevice3"], indirect=True)
def test_without_a_mac_an_app_starts_behind_a_tunnel_that_some_versions_lack(
    harness: IosHarness, make_phone: Make
) -> None:
    harness.plan = replace(harness.plan, models=harness.plan.models[:1], inputs=harness.plan.inputs[:1])
    assert "iOS 17.0 to 17.3 lets only a Mac start an app" in harness.refused(make_phone(version="17.3"))


@pytest.mark.parametrize("link", ["devicectl"], indirect=True)
def test_commands_name_phone_and_app_and_write_their_answer_into_a_file(
    harness: IosHarness, phone: FakeIphone, xcrun: FakeDevicectl
) -> None:
    harness.measured(phone)
    launch = next(command for command in xcrun.commands if command[1:4] == ["device", "process", "launch"])
    output = launch.index("--json-output")
    assert launch[:output] == ["devicectl", "device", "process", "launch", "--quiet", "--timeout", "60"]
    assert launch[output + 2 :] == [
        *("--device", phone.serial),
        *("--terminate-existing", "org.mobilerobust.benchABCDE12345"),
    ]
    xcrun.broken = "xcrun: error: unable to find utility devicectl"
    assert "gives no answer (Xcode 15 or later?): xcrun: error: unable to find utility" in str(
        harness.run(phone)[phone.serial]
    )
