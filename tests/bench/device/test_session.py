"""A device is measured on, whatever happens to its app: all samples, or a record of why not, and nothing twice."""

from __future__ import annotations

import json
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bench.device.fake_transport import FakeTransport
from tests.bench.device.harness import Harness, complete


def test_all_is_measured_on_any_platform(harness: Harness, device: FakeTransport) -> None:
    device.plan["read done.json"] = [lambda _: b""]  # however fast the app is, its last step is read before its end
    result = harness.measured(device)
    assert complete(result) and len(result.runs) == 2
    assert result.app.platform == "ios" and result.device.name == "Double D-1"
    for run, inputs in zip(result.runs, harness.plan.inputs, strict=True):
        assert (run.runtime.name, run.requested, run.inputs_sha256) == ("tflite_cpu", "cpu", inputs.sha256)
        assert run.macs and len(run.outputs_sha256) == 6
    suffixes = sorted(Path(name).suffix for name in device.puts)
    assert device.starts == 1 and suffixes == [".f32", ".json", ".model", ".model"]
    assert {"checking the device", "measured"} <= set(harness.steps)


def test_nothing_is_put_there_or_measured_twice(harness: Harness, device: FakeTransport) -> None:
    harness.measured(device)
    count = len(device.puts)
    assert harness.measured(device) == harness.stored(device) and len(device.puts) == count and device.starts == 1
    harness.forget(device)
    assert complete(harness.measured(device))
    assert device.puts[count:] == ["job.json"] and device.starts == 2


def test_what_a_hot_device_measured_is_kept_and_resumed(harness: Harness, device: FakeTransport) -> None:
    harness.keep = False
    device.apps = [{"hot": 3}]
    result = harness.measured(device)
    assert [len(run.repetitions) for run in result.runs] == [2, 1] and result.complete
    assert ["phone too hot" in error.message for run in result.runs for error in run.errors] == [True]
    assert device.files.exists()  # something failed, so the same command resumes there
    assert complete(harness.measured(device)) and device.starts == 2 and not device.files.exists()


@pytest.mark.parametrize(("facts", "message"), [({"problem": "too hot"}, "too hot"), ({"free": 1000}, "storage is f")])
def test_a_device_that_cannot_be_measured(harness: Harness, device: FakeTransport, facts: dict, message: str) -> None:
    vars(device).update(facts)
    assert message in harness.refused(device) and device.puts == [] and device.starts == 0


def test_a_failure_affects_no_other_device(harness: Harness, device: FakeTransport, tmp_path: Path) -> None:
    hot = FakeTransport(tmp_path / "hot")
    hot.serial, hot.problem = "fake:2", "too hot"
    harness.connect = lambda serial, *_: {device.serial: device, hot.serial: hot}[serial]
    ends = harness.run(hot, device)
    assert complete(harness.stored(device)) and ends[device.serial] == harness.stored(device)
    assert str(ends[hot.serial]) == "fake:2: too hot"
    assert list((tmp_path / "out" / "fake_2").glob("*.json")) == []


@pytest.mark.parametrize(
    "fault",
    [
        {"crash": 1},
        {"quit": 3},  # without a report
        {"left": "the app left the front"},
        pytest.param({"hang": 2}, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_an_app_that_fails_once_is_started_again(harness: Harness, device: FakeTransport, fault: dict) -> None:
    device.apps = [fault]
    assert complete(harness.measured(device)) and device.starts == 2


def test_a_model_that_crashes_the_app_twice_is_given_up(harness: Harness, device: FakeTransport) -> None:
    device.apps = [{"crash": 1}, {"crash": 0}, {"crash": 0}]
    result = harness.measured(device)
    given_up, measured = sorted(result.runs, key=lambda run: len(run.repetitions))
    assert [r.index for r in measured.repetitions] == [0, 1] and measured.errors == () and result.complete
    (error,) = given_up.errors
    assert given_up.artifact in error.message and "libruntime.so" in error.message
    assert "the app crashed" in error.message and "2 times without a repetition" in error.message


@pytest.mark.parametrize("crashing", [0, 1])
def test_a_crash_while_loading_is_recorded_against_that_model_whatever_the_names(
    harness: Harness, device: FakeTransport, tmp_path: Path, crashing: int
) -> None:
    """The name of one file is part of the other's, as those of a backbone and of the same with a module."""
    names, models = ("resnet50_fp16.tflite", "afd_resnet50_fp16.tflite"), []
    for name, model in zip(names, harness.plan.models, strict=True):
        shutil.copy(model.path, tmp_path / name)
        artifact = model.artifact.model_copy(update={"file": name})
        models.append(replace(model, folder=tmp_path, artifact=artifact))
    harness.plan = replace(harness.plan, models=models)
    device.apps = [{"crash loading": names[crashing]}] * 2
    runs = harness.measured(device).runs
    crashed, other = runs[crashing], runs[1 - crashing]
    assert [error.where for error in crashed.errors] == ["load"] and crashed.repetitions == ()
    assert f"(loading {names[crashing]} on the CPU)" in crashed.errors[0].message
    assert len(other.repetitions) == 2 and other.errors == ()


def test_an_app_that_the_system_starts_again_after_its_crash(harness: Harness, device: FakeTransport) -> None:
    device.relaunching = True
    device.apps = [{"crash": 0}, {}, {"crash": 0}]
    result = harness.measured(device)
    given_up, measured = result.runs
    assert complete(result.model_copy(update={"runs": (measured,)})) and given_up.repetitions == ()
    assert f"the app crashed (repetition 0: {given_up.artifact} on the CPU)" in given_up.errors[0].message


def test_an_app_that_always_reports_why_it_ends_early(harness: Harness, device: FakeTransport) -> None:
    device.apps = [{"left": "the app left the front"}] * 2
    result = harness.measured(device)
    assert result.complete and device.starts == 2
    for run in result.runs:
        assert [error.message for error in run.errors] == ["the app left the front; 2 times without a repetition"]


def test_an_app_that_always_hangs_is_an_error_record(harness: Harness, device: FakeTransport) -> None:
    harness.limits = replace(harness.limits, silent=0.6)
    harness.plan = replace(harness.plan, models=harness.plan.models[:1], inputs=harness.plan.inputs[:1])
    device.apps = [{"hang": 0}] * 2
    (run,) = harness.measured(device).runs
    assert harness.stored(device).complete and device.starts == 2 and run.repetitions == ()
    assert "the app hung: no sign of life for 0.6 s" in run.errors[0].message


def test_an_app_that_reports_ever_new_steps_is_an_error_record(harness: Harness, device: FakeTransport) -> None:
    harness.plan = replace(harness.plan, models=harness.plan.models[:1], inputs=harness.plan.inputs[:1])
    device.apps = [{"busy": 0}] * 2
    (run,) = harness.measured(device).runs
    assert harness.stored(device).complete and device.starts == 2 and run.repetitions == ()
    assert "the app hung: it reports more than the 21 steps of its job" in run.errors[0].message


def test_a_result_that_arrives_cut_off_is_read_again(harness: Harness, device: FakeTransport) -> None:
    device.plan["read result.json"] = [lambda data: data[: len(data) // 2]] * 2
    device.plan["read outputs_1.f32"] = [lambda data: data[:-4]]
    assert complete(harness.measured(device)) and device.starts == 1


def test_a_result_that_never_arrives_whole_is_one_message(harness: Harness, device: FakeTransport) -> None:
    device.plan["read result.json"] = [lambda data: data[:-3] + b"}"] * 99
    assert "the result does not arrive as the app wrote it (tried 3 times)" in harness.refused(device)
    device.plan.clear()
    assert complete(harness.measured(device)) and device.starts == 1


def test_the_user_stops_and_resumes(harness: Harness, device: FakeTransport) -> None:
    def stop(data: bytes) -> bytes:
        if json.loads(data)["done"] >= 1:
            os.kill(os.getpid(), signal.SIGINT)
            device.plan.clear()
        return data

    slow = harness.plan.protocol.model_copy(update={"cool_down_seconds": 0.3})
    harness.plan = replace(harness.plan, protocol=slow)
    device.plan["read progress.json"] = [stop] * 99
    with pytest.raises(KeyboardInterrupt):
        harness.run(device)
    assert not device.app_runs()
    there = harness.stored(device)
    assert not there.complete and sum(len(run.repetitions) for run in there.runs) >= 1
    result = harness.measured(device)
    assert complete(result)
    for before, after in zip(there.runs, result.runs, strict=True):
        assert after.repetitions[: len(before.repetitions)] == before.repetitions


def test_another_device_or_runtime_is_not_mixed_in(harness: Harness, device: FakeTransport) -> None:
    device.apps = [{"version": "9.9"}]
    end = harness.run(device)[device.serial]
    assert "on tflite_cpu 9.9; asked for: tflite_cpu 1.0" in str(end) and not device.app_runs()

    device.apps = [{"hot": 3}, {"device": "Other"}]
    before = harness.measured(device)
    end = harness.run(device)[device.serial]
    assert "holds a result of another device or version of the app; choose another --out" in str(end)
    assert [r.repetitions for r in harness.stored(device).runs] == [r.repetitions for r in before.runs]
