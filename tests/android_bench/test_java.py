"""The Android app's Java, run on this machine: its own tests, what it writes and shows, its runtime on our artifacts.

docs/android_app.png is what the app's screen was drawn as here; this writes it anew (from the root of a checkout):
MOBILE_ROBUST_PICTURE=docs/android_app.png python -m pytest tests/android_bench -k drawn
"""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from PIL import Image

from mobile_robust.bench.android.platform import ANDROID
from mobile_robust.bench.device.plan import MeasurementPlan, choose_models
from mobile_robust.bench.inputs import TestSets, describe, open_photos
from mobile_robust.contracts import result as result_module
from mobile_robust.contracts.job import DONE_NAME, JOB_NAME, PROGRESS_NAME, Done, Job, Progress, outputs_name
from mobile_robust.contracts.result import RESULT_NAME, Result, read_result
from mobile_robust.files import sha256
from tests.android_bench.java_tools import IS_X86_64, SOURCES, Java, call, program
from tests.bench.android.harness import skip
from tests.bench.device.harness import outputs_of
from tests.bench.fakes import protocol

pytestmark = [pytest.mark.slow, pytest.mark.device]

#: Files of the app and of this machine's Python are computed by two versions of the runtime; of an output's range.
TOLERANCES = {"fp32": 1e-5, "fp16": 1e-5, "int8": 0.02}


@pytest.fixture(scope="session")
def java(tmp_path_factory: pytest.TempPathFactory) -> Java:
    return Java(tmp_path_factory)


def test_the_core_passes_its_tests_and_writes_what_the_contracts_say(java: Java, tmp_path: Path) -> None:
    said = java.test("core", [*java.core, *java.jars("test")], f"-Dout={tmp_path}")
    assert re.search(r"OK \(\d\d+ tests\)", said), said

    result = check_result(tmp_path / RESULT_NAME)
    assert result.complete
    assert [run.runtime.name for run in result.runs] == ["tflite_cpu", "tflite_gpu"]
    assert all(len(run.repetitions) == result.protocol.repetitions for run in result.runs)
    assert result.runs[0].title == "Größe ×2 📷"
    job = Job.model_validate_json((tmp_path / JOB_NAME).read_text(encoding="utf-8"))
    assert job.protocol == result.protocol
    progress = Progress.model_validate_json((tmp_path / PROGRESS_NAME).read_text(encoding="utf-8"))
    assert progress.done == progress.total == 4
    done = Done.model_validate_json((tmp_path / DONE_NAME).read_text(encoding="utf-8"))
    assert (done.reason, done.result_sha256) == ("complete", sha256(tmp_path / RESULT_NAME))


@pytest.fixture(scope="session")
def tested(java: Java, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with what the activity wrote and showed in its tests; and what JUnit said."""
    out = tmp_path_factory.mktemp("activity")
    said = java.test(
        "app",
        [*java.app, java.resources(), *java.jars("app", "test", "compile")],
        f"-Dout={out}",
        "-Drobolectric.offline=true",
        f"-Drobolectric.dependency.dir={java.framework()}",
        f"-Drobolectric.graphicsMode={'NATIVE' if IS_X86_64 else 'LEGACY'}",
        "-Drobolectric.sqliteMode=LEGACY",
    )
    return out, said


def test_the_activity_passes_its_tests(tested: tuple[Path, str]) -> None:
    out, said = tested
    assert re.search(r"OK \(\d\d+ tests\)", said), said
    result = check_result(out / "result_of_the_app.json")
    assert result.device.os.startswith("Android 14")


def test_the_screen_is_drawn_light_and_dark(tested: tuple[Path, str]) -> None:
    if not IS_X86_64:
        skip("Robolectric has no libraries to draw with on this machine")
    screens = [Image.open(tested[0] / f"{name}.png").convert("RGB") for name in ("light", "night")]
    for screen, is_dark in zip(screens, (False, True), strict=True):
        assert screen.size == (1080, 2340)
        ground = luminances(screen)[0, 0]
        assert (ground < 0.1) == is_dark
        margin = luminances(screen)
        margin[60:-60, 60:-60] = ground
        assert (margin == ground).all()
        heading = luminances(screen.crop((0, 400, 1080, 1000)))
        assert 0.01 < (heading != ground).mean() < 0.5
        low, high = sorted((ground, heading.min() if ground > 0.5 else heading.max()))
        assert (high + 0.05) / (low + 0.05) > 7  # what WCAG asks of text for those who do not see well
    if target := os.environ.get("MOBILE_ROBUST_PICTURE"):
        both = Image.new("RGB", (1100, 1170), "#808080")
        for index, screen in enumerate(screens):
            both.paste(screen.resize((540, 1170), Image.Resampling.LANCZOS), (560 * index, 0))
        both.quantize(64).save(target, optimize=True)


def luminances(picture: Image.Image) -> np.ndarray:
    """Relative luminance of each pixel, 0 to 1, as WCAG defines it."""
    values = np.asarray(picture) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return linear @ (0.2126, 0.7152, 0.0722)


@pytest.fixture(scope="session")
def measured(
    java: Java, module_build: Path, photos: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Job]:
    """A folder as the app has it, in which the app's runtime has carried out a job on our artifacts; and the job."""
    if not IS_X86_64:
        skip("the APK's libraries for x86_64 cannot be run on this machine")
    compiler = program("cc", "gcc")
    folder = tmp_path_factory.mktemp("files")
    runtime, environment = java.runtime()
    native = SOURCES / "app/src/main/native/xnnpack.c"
    flags = ["-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-nostdlib", f"-L{runtime}"]
    call(compiler, *flags, "-o", runtime / "libmobile_robust_xnnpack.so", native, "-ltensorflowlite_jni")

    quick = {"warm_up_seconds": 0.1, "warm_up_runs": 2, "cool_down_seconds": 0.1}
    how = protocol(2, inputs=describe(open_photos(photos)), threads=3, pinned_cpus=None, **quick)
    models = choose_models(ANDROID, [module_build], ["fp32", "fp16", "int8"], ["cpu", "gpu"])
    sets = TestSets(open_photos(photos), folder)
    plan = MeasurementPlan(ANDROID, models, [sets.of(model) for model in models], how)
    job = plan.job(plan.runs())
    assert job is not None
    for file in plan.files(job):
        shutil.copyfile(file.path, folder / file.name)
    (folder / JOB_NAME).write_text(job.model_dump_json(), encoding="utf-8")
    said = java.run(
        "org.mobilerobust.bench.MeasureHere",
        [*java.app, *java.jars("app", "compile")],
        f"-Djava.library.path={runtime}",
        folder,
        env=environment,
    )
    # XNNPACK counts the thread that calls it. Java starts its own threads before the first artifact.
    assert "small_fp32.tflite on the CPU brings 2 threads" in said, said
    assert "6 of 12: repetition 2 of 2" in said, said
    return folder, job


def test_the_apps_runtime_measures_our_artifacts(measured: tuple[Path, Job]) -> None:
    folder, job = measured
    result = check_result(folder / job.run_id / RESULT_NAME)
    for run in result.runs:
        assert run.runtime.version == "2.16.1"
        if run.requested == "gpu":  # of which there is none here: an error, and no samples in its place
            assert [error.where for error in run.errors] == ["load"]
            assert not run.repetitions
            continue
        assert not run.errors, run.errors
        assert [repetition.index for repetition in run.repetitions] == [0, 1]
        samples = [sample for repetition in run.repetitions for sample in repetition.samples_ns]
        assert len(samples) == 2 * job.protocol.inputs.count
        assert all(1_000 < sample < 60e9 for sample in samples)
        assert run.actual is not None
        assert run.actual.accelerator == "xnnpack"  # it takes every operation of the module
        assert run.load_ns is not None and run.first_inference_ns is not None
        assert run.baseline_memory_bytes is not None and run.peak_memory_bytes is not None
        assert run.peak_memory_bytes >= run.baseline_memory_bytes


def test_the_apps_runtime_computes_what_this_machines_does(measured: tuple[Path, Job]) -> None:
    folder, job = measured
    for index, model in enumerate(job.models):
        if model.requested == "cpu":
            rows = np.fromfile(folder / model.inputs_file, "<f4").reshape(job.protocol.inputs.count, -1)
            expected = outputs_of(folder / model.file, model.inputs, model.outputs, rows[: job.kept_outputs])
            got = np.fromfile(folder / job.run_id / outputs_name(index), "<f4").reshape(len(expected), -1)
            scale = np.ptp(expected)
            assert scale > 0
            worst = np.abs(got - expected).max() / scale
            assert worst <= TOLERANCES[model.precision], f"{model.artifact}: {worst:.2e} of the range"


def check_result(path: Path) -> Result:
    """Reads a result with the contract and with the committed schema."""
    schema = json.loads(Path(result_module.__file__).with_name("result.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(json.loads(path.read_text(encoding="utf-8")), schema)
    return read_result(path)
