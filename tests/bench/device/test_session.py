"""Every way a phone, its cable and its app go wrong: recovery, or one clear message, and no sample is lost."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mobile_robust.bench.device.devices import folder_of
from mobile_robust.contracts.result import RESULT_NAME, Result
from tests.bench.device.fake_device import Double
from tests.bench.device.harness import Desk, complete


def test_a_good_phone(desk: Desk, phone: Double) -> None:
    result = desk.measured(phone)
    assert complete(result) and len(result.runs) == 2
    assert result.app.platform == "android" and result.device.name == "Double D-1"
    for run, inputs in zip(result.runs, desk.task.inputs, strict=True):
        assert (run.runtime.name, run.requested, run.inputs_sha256) == ("tflite_cpu", "cpu", inputs.sha256)
        assert run.macs and run.outputs[0].shape == (1, 10)
    assert phone.starts == 1 and len([p for p in phone.pushes if p.endswith(".tflite")]) == 2


def test_nothing_is_pushed_installed_or_measured_twice(desk: Desk, phone: Double) -> None:
    desk.measured(phone)
    pushed = list(phone.pushes)
    assert desk.measured(phone) == desk.stored(phone) and phone.pushes == pushed and phone.starts == 1
    result = folder_of(desk.out, phone.serial) / RESULT_NAME
    result.unlink()
    assert complete(desk.measured(phone))
    assert [Path(path).suffix for path in phone.pushes[len(pushed) :]] == [".json"] and phone.starts == 2


def test_the_phone_is_left_as_it_was(desk: Desk, phone: Double) -> None:
    desk.setting = replace(desk.setting, keep=False)
    assert complete(desk.measured(phone))
    assert not (phone.root / "app").exists() and not (phone.root / "apk").exists()
    assert list((phone.root / "tmp").iterdir()) == []


def test_two_phones_at_a_time(desk: Desk, make_phone: Callable[..., Double]) -> None:
    good, full = make_phone(), make_phone(free_kilobytes=1000)
    ends = desk.run(good, full)
    assert complete(desk.stored(good)) and ends[good.serial] == desk.stored(good)
    assert str(ends[full.serial]).startswith(f"{full.serial}: its storage is full")
    assert not (folder_of(desk.out, full.serial) / RESULT_NAME).exists()


def test_the_cable_is_pulled_during_push(desk: Desk, phone: Double) -> None:
    phone.plan["push"] = [phone.drop, bytes, phone.drop]  # the app's, then the first model's
    assert complete(desk.measured(phone))
    assert not phone.plan["push"]
    assert "connection lost, waiting for the phone" in desk.said


def test_the_cable_is_pulled_during_the_run(desk: Desk, phone: Double) -> None:
    phone.plan["cat progress.json"] = [phone.drop, lambda data: data, phone.drop]
    assert complete(desk.measured(phone)) and phone.starts == 1


def test_the_cable_is_pulled_as_the_app_starts(desk: Desk, phone: Double) -> None:
    phone.plan["am start"] = [phone.drop]
    assert complete(desk.measured(phone)) and phone.starts in (1, 2)  # it may not have begun when it is seen again


def test_the_cable_is_pulled_during_pull(desk: Desk, phone: Double) -> None:
    phone.plan["cat result.json"] = [phone.drop, phone.drop, phone.drop]
    phone.plan["cat outputs_0.f32"] = [phone.drop]
    assert complete(desk.measured(phone)) and phone.starts == 1


def test_a_phone_that_stays_away_is_one_message_and_its_samples_are_fetched_next_time(
    desk: Desk, phone: Double
) -> None:
    desk.setting = replace(desk.setting, reconnect=1)
    phone.plan["cat progress.json"] = [phone.unplug]
    message = desk.refused(phone)
    assert "did not come back within 1 s; nothing measured is lost" in message
    assert phone.app is not None and phone.app.wait(60) == 0  # it measures on, alone
    phone.plug()
    desk.setting = replace(desk.setting, reconnect=8)
    assert complete(desk.measured(phone)) and phone.starts == 1


def test_a_cable_that_breaks_again_and_again_is_one_message(desk: Desk, phone: Double) -> None:
    phone.plan["push"] = [phone.drop] * 9
    assert "the connection broke 5 times at the same step" in desk.refused(phone)


def test_a_phone_on_a_cable_that_is_pulled(desk: Desk, make_phone: Callable[..., Double]) -> None:
    """adb itself finds it again."""
    phone = make_phone(wired=True)
    phone.plan["cat progress.json"] = [phone.drop]
    assert complete(desk.measured(phone)) and phone.starts == 1


def test_the_adb_server_is_restarted(desk: Desk, phone: Double) -> None:
    def kill(data: bytes) -> bytes:
        subprocess.run([desk.setting.adb, "kill-server"], check=True, capture_output=True, timeout=30)
        return data

    phone.plan["cat progress.json"] = [kill, lambda data: data, kill]
    phone.plan["push"] = [kill]
    assert complete(desk.measured(phone)) and phone.starts == 1


@pytest.mark.parametrize(
    ("refusal", "advice"),
    [
        ("INSTALL_FAILED_VERSION_DOWNGRADE: Downgrade detected", "a newer version of the app is there: adb uninstall"),
        ("INSTALL_FAILED_INSUFFICIENT_STORAGE", "its storage is full: delete something there"),
        ("INSTALL_FAILED_NO_MATCHING_ABIS: res=-113", "must be an arm64-v8a or x86_64 phone"),
        (
            "INSTALL_FAILED_UPDATE_INCOMPATIBLE: signatures",
            "signed by another key: adb uninstall org.mobilerobust.bench",
        ),
        ("INSTALL_FAILED_USER_RESTRICTED: cancelled", 'turn on "Install via USB"'),
        ("INSTALL_PARSE_FAILED_NOT_APK", "try to install the APK by hand"),
        ("-99", "try to install the APK by hand"),
    ],
)
def test_an_installation_that_is_refused(desk: Desk, phone: Double, refusal: str, advice: str) -> None:
    phone.refusal = refusal
    message = desk.refused(phone)
    assert "cannot install the app: " in message and advice in message and refusal in message
    assert list((phone.root / "tmp" / "mobile_robust").iterdir()) == [] and phone.starts == 0


def test_an_app_that_crashes_once_loses_a_repetition_and_no_more(desk: Desk, phone: Double) -> None:
    phone.apps = [{"crash": 1}]
    result = desk.measured(phone)
    assert complete(result) and phone.starts == 2
    first, second = (run.repetitions[0].start for run in result.runs)
    assert first < second  # of the first start and of the second; each was measured once


def test_a_model_that_crashes_the_app_twice_is_given_up_and_the_rest_goes_on(desk: Desk, phone: Double) -> None:
    phone.apps = [{"crash": 1}, {"crash": 0}, {"crash": 0}]
    result = desk.measured(phone)
    lame, well = sorted(result.runs, key=lambda run: len(run.repetitions))
    assert [r.index for r in well.repetitions] == [0, 1] and well.errors == () and result.complete
    (error,) = lame.errors
    assert lame.artifact in error.message and "libtensorflowlite_jni.so" in error.message
    assert "the app crashed" in error.message and "2 times without a repetition" in error.message
    again = desk.measured(phone)  # the same command tries it again
    assert complete(again)


def test_an_app_that_crashes_while_loading_names_the_model(desk: Desk, phone: Double) -> None:
    phone.apps = [{"crash loading": "cpu"}] * 2
    first, second = desk.measured(phone).runs
    assert [error.where for error in first.errors] == ["load"] and first.repetitions == ()
    assert f"loading {first.artifact} on the CPU" in first.errors[0].message
    assert len(second.repetitions) == 2 and second.errors == ()


def test_an_app_that_android_kills_for_lack_of_memory_says_so_where_the_phone_does(
    desk: Desk, make_phone: Callable[..., Double]
) -> None:
    desk.task = replace(desk.task, models=desk.task.models[:1], inputs=desk.task.inputs[:1])
    newer, older = (make_phone(apps=[{"killed": 0}] * 2) for _ in range(2))
    older.properties["ro.build.version.sdk"] = "29"
    ends = desk.run(newer, older)
    for phone, said in ((newer, ": Android killed it for lack of memory: "), (older, "; 2 times without")):
        end = ends[phone.serial]
        assert isinstance(end, Result) and end.complete and phone.starts == 2
        (run,) = end.runs
        assert run.errors[0].message.startswith(f"the app crashed (repetition 0: {run.artifact} on the CPU){said}")


def test_an_app_that_android_starts_again_after_its_crash(desk: Desk, phone: Double) -> None:
    phone.relaunching = True
    phone.apps = [{"crash": 1}]
    result = desk.measured(phone)
    assert complete(result) and phone.starts == 3
    phone.apps = [{"crash": 0}, {}, {"crash": 0}]
    (folder_of(desk.out, phone.serial) / RESULT_NAME).unlink()
    lame, well = desk.measured(phone).runs
    assert complete(result.model_copy(update={"runs": (well,)})) and lame.repetitions == ()
    assert f"the app crashed (repetition 0: {lame.artifact} on the CPU)" in lame.errors[0].message


def test_an_app_that_ends_early_and_says_why(desk: Desk, phone: Double) -> None:
    phone.apps = [{"left": "the app left the front"}]
    assert complete(desk.measured(phone)) and phone.starts == 2
    (folder_of(desk.out, phone.serial) / RESULT_NAME).unlink()
    phone.apps = [{"left": "the app left the front"}] * 2
    result = desk.measured(phone)
    assert result.complete and phone.starts == 4
    for run in result.runs:
        assert [error.message for error in run.errors] == ["the app left the front; 2 times without a repetition"]


def test_an_app_that_quits_without_a_word_is_started_again(desk: Desk, phone: Double) -> None:
    phone.apps = [{"quit": 3}]
    assert complete(desk.measured(phone)) and phone.starts == 2


def test_an_app_that_hangs_is_ended_and_started_again(desk: Desk, phone: Double) -> None:
    desk.setting = replace(desk.setting, limits=replace(desk.setting.limits, silent=3))
    phone.apps = [{"hang": 2}]
    assert complete(desk.measured(phone)) and phone.starts == 2


def test_an_app_that_always_hangs_is_an_error_record(desk: Desk, phone: Double) -> None:
    desk.setting = replace(desk.setting, limits=replace(desk.setting.limits, silent=2))
    desk.task = replace(desk.task, models=desk.task.models[:1], inputs=desk.task.inputs[:1])
    phone.apps = [{"hang": 0}] * 2
    (run,) = desk.measured(phone).runs
    assert desk.stored(phone).complete and phone.starts == 2 and run.repetitions == ()
    assert "the app hung: no sign of life for 2 s" in run.errors[0].message


def test_a_phone_that_gets_too_hot_keeps_what_it_has(desk: Desk, phone: Double) -> None:
    phone.apps = [{"hot": 3}]
    result = desk.measured(phone)
    assert [len(run.repetitions) for run in result.runs] == [2, 1] and result.complete
    assert ["phone too hot" in error.message for run in result.runs for error in run.errors] == [True]
    assert complete(desk.measured(phone)) and phone.starts == 2


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
def test_a_phone_that_cannot_be_measured_on(
    desk: Desk, make_phone: Callable[..., Double], facts: dict[str, object], said: str
) -> None:
    phone = make_phone(**facts)
    assert said in desk.refused(phone)
    assert phone.pushes == [] and not (folder_of(desk.out, phone.serial) / RESULT_NAME).exists()


@pytest.mark.parametrize("where", ["push", "run-as cp"])
def test_a_storage_that_fills_up_on_the_way(desk: Desk, phone: Double, where: str) -> None:
    def fill(data: bytes) -> bytes:
        phone.free_kilobytes = 100
        return data

    phone.plan[where] = [fill]
    assert "its storage is full" in desk.refused(phone)
    phone.free_kilobytes = 10_000_000
    assert complete(desk.measured(phone))


def test_a_file_that_arrives_changed_is_pushed_again(desk: Desk, phone: Double) -> None:
    phone.plan["pushed"] = [lambda data: data[:-1] + b"?"]
    assert complete(desk.measured(phone))
    assert phone.pushes[0] == phone.pushes[1] != phone.pushes[2]


def test_a_file_that_arrives_changed_twice_is_one_message(desk: Desk, phone: Double) -> None:
    phone.plan["pushed"] = [lambda data: data, *[lambda data: data[:-1] + b"?"] * 2]
    assert "arrived changed twice (SHA-256 " in desk.refused(phone)
    assert complete(desk.measured(phone))


def test_a_result_that_arrives_cut_off_is_pulled_again(desk: Desk, phone: Double) -> None:
    phone.plan["cat result.json"] = [lambda data: data[: len(data) // 2]] * 2
    phone.plan["cat outputs_1.f32"] = [lambda data: data[:-4]]
    assert complete(desk.measured(phone)) and phone.starts == 1


def test_a_result_that_never_arrives_whole_is_one_message(desk: Desk, phone: Double) -> None:
    phone.plan["cat result.json"] = [lambda data: data[:-3] + b"}"] * 99
    assert "the result does not arrive as the app wrote it (tried 3 times)" in desk.refused(phone)
    phone.plan.clear()
    assert complete(desk.measured(phone)) and phone.starts == 1


def test_the_user_stops_and_goes_on(desk: Desk, phone: Double) -> None:
    def stop(data: bytes) -> bytes:
        if json.loads(data)["done"] >= 1:
            os.kill(os.getpid(), signal.SIGINT)
            phone.plan.clear()
        return data

    slow = desk.task.protocol.model_copy(update={"cool_down_seconds": 1.0})
    desk.task = replace(desk.task, protocol=slow)
    phone.plan["cat progress.json"] = [stop] * 99
    with pytest.raises(KeyboardInterrupt):
        desk.run(phone)
    assert not phone.app_runs()
    there = desk.stored(phone)
    assert not there.complete and sum(len(run.repetitions) for run in there.runs) >= 1
    result = desk.measured(phone)
    assert complete(result)
    for before, after in zip(there.runs, result.runs, strict=True):
        assert after.repetitions[: len(before.repetitions)] == before.repetitions


def test_another_phone_or_runtime_is_not_mixed_in(desk: Desk, phone: Double) -> None:
    phone.apps = [{"version": "9.9"}]
    end = desk.run(phone)[phone.serial]
    assert "on tflite_cpu 9.9; asked for: tflite_cpu 2.16.1" in str(end) and not phone.app_runs()

    phone.apps = [{"hot": 3}, {"device": "Other"}]
    before = desk.measured(phone)
    end = desk.run(phone)[phone.serial]
    assert "holds a result of another phone or version of the app; choose another --out" in str(end)
    assert [r.repetitions for r in desk.stored(phone).runs] == [r.repetitions for r in before.runs]


def test_no_shell_ever_sees_what_a_user_chose(desk: Desk, phone: Double, tmp_path: Path) -> None:
    strange = tmp_path / "a; reboot $(x) '.apk"
    strange.write_bytes(desk.setting.apk.read_bytes())
    desk.setting = replace(desk.setting, apk=strange)
    desk.out = tmp_path / "out; $(reboot)"
    assert complete(desk.measured(phone))
    lines = {re.sub(r"[0-9a-f]{64}|\b[0-9a-f]{16}\b|\b\d{10}\.0", "#", line) for line in phone.commands}
    assert all(re.fullmatch(r"[A-Za-z0-9_./=:+%~# -]+; echo mobile_robust_end=\$\?", line) for line in lines)
    assert "reboot" not in str(lines) and str(tmp_path) not in str(lines)
    assert "am start -W -n org.mobilerobust.bench/.BenchActivity --es job job.json; echo mobile_robust_end=$?" in lines
