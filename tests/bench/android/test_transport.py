"""A phone is measured on over adb, whatever happens to cable, storage and app."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from mobile_robust.bench.device.measure import folder_of
from mobile_robust.contracts.result import RESULT_NAME, Result
from tests.bench.android.fake_phone import FakePhone, Make, wait_for
from tests.bench.android.harness import AdbHarness, call_adb
from tests.bench.device.harness import complete

pytestmark = pytest.mark.device


def test_a_good_phone_gets_each_file_once_and_is_left_as_it_was(harness: AdbHarness, phone: FakePhone) -> None:
    result = harness.measured(phone)
    assert complete(result) and len(result.runs) == 2 and result.app.platform == "android"
    count = len(phone.pushes)
    assert phone.starts == 1 and len([path for path in phone.pushes if path.endswith(".tflite")]) == 2
    harness.forget(phone)
    harness.keep = False
    assert complete(harness.measured(phone))
    assert [Path(path).suffix for path in phone.pushes[count:]] == [".json"] and phone.starts == 2
    assert not (phone.root / "app").exists() and not (phone.root / "apk").exists()
    assert list((phone.root / "tmp").iterdir()) == []


def test_the_cable_is_pulled_during_push_run_and_pull(harness: AdbHarness, phone: FakePhone) -> None:
    phone.plan["push"] = [phone.drop, bytes, phone.drop]  # the app's, then the first model's
    phone.plan["cat progress.json"] = [phone.drop, lambda data: data, phone.drop]
    phone.plan["cat result.json"] = [phone.drop, phone.drop, phone.drop]
    phone.plan["cat outputs_0.f32"] = [phone.drop]
    assert complete(harness.measured(phone)) and phone.starts == 1
    assert not phone.plan["push"] and not phone.plan["cat outputs_0.f32"]
    assert "connection lost, waiting for the phone" in harness.steps


def test_the_cable_is_pulled_as_the_app_starts(harness: AdbHarness, phone: FakePhone) -> None:
    phone.plan["am start"] = [phone.drop]
    assert complete(harness.measured(phone)) and phone.starts in (1, 2)  # it may not have begun when it is seen again


def test_an_app_stopped_as_it_begins_does_not_block_the_next_start(harness: AdbHarness, phone: FakePhone) -> None:
    def stop_and_drop(data: bytes) -> bytes:
        wait_for(lambda: any(phone.files.glob("*/result.json")))
        phone.stop_app()
        for progress in phone.files.glob("*/progress.json"):
            progress.unlink()
        return phone.drop(data)

    phone.plan["am start"] = [stop_and_drop]
    assert complete(harness.measured(phone)) and phone.starts == 2


def test_a_phone_that_stays_away_is_one_message_and_fetched_next_time(harness: AdbHarness, phone: FakePhone) -> None:
    harness.reconnect = 1
    phone.plan["cat progress.json"] = [phone.unplug]
    message = harness.refused(phone)
    assert "did not come back within 1 s; nothing measured is lost" in message
    assert phone.app is not None and phone.app.wait(60) == 0  # it measures on, alone
    phone.plug()
    harness.reconnect = 8
    assert complete(harness.measured(phone)) and phone.starts == 1


def test_a_cable_that_breaks_again_and_again_is_one_message(harness: AdbHarness, phone: FakePhone) -> None:
    phone.plan["push"] = [phone.drop] * 9
    assert "the connection broke 5 times at the same step" in harness.refused(phone)


def test_a_phone_on_a_cable_that_is_pulled(harness: AdbHarness, make_phone: Make) -> None:
    """adb itself finds it again."""
    phone = make_phone(wired=True)
    phone.plan["cat progress.json"] = [phone.drop]
    assert complete(harness.measured(phone)) and phone.starts == 1


def test_the_adb_server_is_restarted(harness: AdbHarness, phone: FakePhone) -> None:
    def kill(data: bytes) -> bytes:
        call_adb("kill-server")
        return data

    phone.plan["cat progress.json"] = [kill, lambda data: data, kill]
    phone.plan["push"] = [kill]
    assert complete(harness.measured(phone)) and phone.starts == 1


@pytest.mark.parametrize(
    ("refusal", "advice"),
    [
        ("INSTALL_FAILED_UPDATE_INCOMPATIBLE: signatures", "signed by another key: adb uninstall org.mobilerobust.be"),
        ("INSTALL_PARSE_FAILED_NOT_APK", "try to install the APK by hand"),
        ("-99", "try to install the APK by hand"),
    ],
)
def test_an_installation_that_is_refused(harness: AdbHarness, phone: FakePhone, refusal: str, advice: str) -> None:
    phone.refusal = refusal
    message = harness.refused(phone)
    assert "cannot install the app: " in message and advice in message and refusal in message
    assert list((phone.root / "tmp" / "mobile_robust").iterdir()) == [] and phone.starts == 0


def test_an_app_that_android_kills_for_lack_of_memory_says_so(harness: AdbHarness, make_phone: Make) -> None:
    harness.plan = replace(harness.plan, models=harness.plan.models[:1], inputs=harness.plan.inputs[:1])
    newer, older = (make_phone(apps=[{"killed": 0}] * 2) for _ in range(2))
    older.properties["ro.build.version.sdk"] = "29"
    ends = harness.run(newer, older)
    for phone, said in ((newer, ": Android killed it for lack of memory: "), (older, "; 2 times without")):
        end = ends[phone.serial]
        assert isinstance(end, Result) and end.complete and phone.starts == 2
        (run,) = end.runs
        assert run.errors[0].message.startswith(f"the app crashed (repetition 0: {run.artifact} on the CPU){said}")


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"thermal": 3}, "phone too hot: thermal status 3, allowed up to 2"),
        ({"battery": 9, "powered": False}, "its battery is at 9 % and not charging"),
        ({"properties": {"ro.build.version.sdk": "25", "ro.build.version.release": "7.1"}}, "has Android 7.1 (API"),
        (
            {"properties": {"ro.build.version.sdk": "30", "ro.product.cpu.abilist": "armeabi-v7a"}},
            "runs armeabi-v7a; the app has arm64-v8a and x86_64 only",
        ),
        ({"free_kilobytes": 100}, "its storage is full: delete something there"),
    ],
)
def test_a_phone_that_cannot_be_measured(harness: AdbHarness, make_phone: Make, facts: dict, said: str) -> None:
    phone = make_phone(**facts)
    assert said in harness.refused(phone)
    assert phone.pushes == [] and not (folder_of(harness.out, phone.serial) / RESULT_NAME).exists()


@pytest.mark.parametrize("where", ["push", "run-as cp"])
def test_a_storage_that_fills_up_on_the_way(harness: AdbHarness, phone: FakePhone, where: str) -> None:
    def fill(data: bytes) -> bytes:
        phone.free_kilobytes = 100
        return data

    phone.plan[where] = [fill]
    assert "its storage is full" in harness.refused(phone)
    phone.free_kilobytes = 10_000_000
    assert complete(harness.measured(phone))


def test_a_file_that_arrives_changed_is_pushed_again(harness: AdbHarness, phone: FakePhone) -> None:
    phone.plan["pushed"] = [lambda data: data[:-1] + b"?"]
    assert complete(harness.measured(phone))
    assert phone.pushes[0] == phone.pushes[1] != phone.pushes[2]


def test_a_file_that_arrives_changed_twice_is_one_message(harness: AdbHarness, phone: FakePhone) -> None:
    phone.plan["pushed"] = [lambda data: data, *[lambda data: data[:-1] + b"?"] * 2]
    assert "arrived changed twice (SHA-256 " in harness.refused(phone)
    assert complete(harness.measured(phone))


def test_no_shell_ever_sees_what_a_user_chose(harness: AdbHarness, phone: FakePhone, tmp_path: Path) -> None:
    strange = tmp_path / "a; reboot $(x) '.apk"
    strange.write_bytes(harness.apk.read_bytes())
    harness.apk = strange
    harness.out = tmp_path / "out; $(reboot)"
    assert complete(harness.measured(phone))
    lines = {re.sub(r"[0-9a-f]{64}|\b[0-9a-f]{16}\b|\b\d{10}\.0", "#", line) for line in phone.commands}
    assert all(re.fullmatch(r"[A-Za-z0-9_./=:+%~# -]+; echo mobile_robust_end=\$\?", line) for line in lines)
    assert "reboot" not in str(lines) and str(tmp_path) not in str(lines)
    assert "am start -W -n org.mobilerobust.bench/.BenchActivity --es job job.json; echo mobile_robust_end=$?" in lines
