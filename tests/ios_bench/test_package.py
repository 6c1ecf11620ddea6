"""The Swift package's own tests, what they write, and a job of the host's that the package carries out."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest

from mobile_robust.bench.device.merge import merge
from mobile_robust.contracts.job import DONE_NAME, JOB_NAME, PROGRESS_NAME, Done, Job, JobModel, Progress, outputs_name
from mobile_robust.contracts.result import RESULT_NAME, App, Protocol, Result, Run, RuntimeVersion, read_result
from mobile_robust.documents import parse_json
from mobile_robust.files import sha256
from tests.android_bench.java_tools import call
from tests.bench.fakes import WHEN, device, protocol
from tests.contracts import committed_schema
from tests.ios_bench.swift_tools import SOURCES, program

pytestmark = [pytest.mark.slow, pytest.mark.device]


@pytest.fixture(scope="module")
def tested(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """Folders with what the package's own tests wrote and with the host's job; and what the tests printed."""
    out, files = tmp_path_factory.mktemp("out"), tmp_path_factory.mktemp("files")
    (files / JOB_NAME).write_text(host_job(files).model_dump_json(), encoding="utf-8")
    scratch = tmp_path_factory.mktemp("build")
    where = (f"MOBILE_ROBUST_OUT={out}", f"MOBILE_ROBUST_FILES={files}")
    said = call("env", *where, program("swift"), "test", "--package-path", SOURCES, "--scratch-path", scratch)
    return out, files, said


def host_job(folder: Path) -> Job:
    """A job as this computer writes it, of one artifact whose files are put into ``folder``."""
    package = folder / "package"
    (package / "Data/weights").mkdir(parents=True)
    (package / "Data/model.mlmodel").write_text("A", encoding="utf-8")
    (package / "Data/weights/weight.bin").write_bytes(bytes(range(256)) * 300)
    (package / "Manifest.json").write_text("{}", encoding="utf-8")
    digest = sha256(package)
    package.rename(folder / f"{digest}.mlpackage")
    inputs = np.arange(9, dtype="<f4").tobytes()
    of_inputs = hashlib.sha256(inputs).hexdigest()
    (folder / f"{of_inputs}.f32").write_bytes(inputs)
    quick = {"warm_up_seconds": 0.1, "warm_up_runs": 2, "cool_down_seconds": 0.1}
    model = JobModel(
        name="a",
        title="A",
        label="untrained: latency only",
        artifact="a_fp16.mlpackage",
        sha256=digest,
        precision="fp16",
        macs=10,
        parameters=None,
        file=f"{digest}.mlpackage",
        total_ops=7,
        requested="npu",
        arithmetic=None,
        inputs=({"name": "image", "shape": (1, 3)},),
        outputs=({"name": "twice", "shape": (1, 3)},),
        inputs_file=f"{of_inputs}.f32",
        inputs_sha256=of_inputs,
        repetitions=(1,),
    )
    how: Protocol = protocol(2, 3, pinned_cpus=None, **quick)
    return Job(run_id="0123456789abcdef", protocol=how, max_thermal_status=1, kept_outputs=2, models=(model,))


def test_the_package_passes_its_tests_and_writes_what_the_contracts_say(tested: tuple[Path, Path, str]) -> None:
    out, _, said = tested
    assert re.search(r"Executed \d\d+ tests, with 0 failures", said), said
    result = check_result(out)
    assert [(run.runtime.name, run.requested) for run in result.runs] == [("coreml_cpu", "cpu"), ("coreml_npu", "npu")]
    assert all(len(run.repetitions) == result.protocol.repetitions for run in result.runs)
    assert result.runs[0].title == "Größe ×2 📷"
    assert result.runs[0].repetitions[0].state_before.low_power is False
    text = (out / JOB_NAME).read_text(encoding="utf-8")
    committed_schema("job").validate(parse_json(text))
    assert Job.model_validate_json(text).protocol == result.protocol
    progress = Progress.model_validate_json((out / PROGRESS_NAME).read_text(encoding="utf-8"))
    assert progress.done == progress.total == 4


def test_a_job_of_the_host_is_carried_out_and_its_result_merged(tested: tuple[Path, Path, str]) -> None:
    _, files, said = tested
    job = Job.model_validate_json((files / JOB_NAME).read_text(encoding="utf-8"))
    assert (files / job.run_id).is_dir(), said
    theirs = check_result(files / job.run_id)
    (model,) = job.models
    asked = Run(
        **model.model_dump(include={"name", "title", "label", "artifact", "sha256", "precision", "macs", "requested"}),
        runtime=RuntimeVersion(name="coreml_npu", version="system"),
    )
    app = App(platform="ios", name="mobile-robust", version="1")
    ours = Result(created=WHEN, app=app, device=device(), protocol=job.protocol, runs=(asked,), complete=False)
    (run,) = merge(ours, theirs, files / RESULT_NAME, job).runs
    assert [repetition.index for repetition in run.repetitions] == [1]
    assert run.actual is not None and run.actual.placed_ops == 7
    kept = np.fromfile(files / job.run_id / outputs_name(0), "<f4")
    assert kept.tolist() == [0, 2, 4, 6, 8, 10]
    first = hashlib.sha256(kept[:3].tobytes()).hexdigest()
    assert run.outputs_sha256[0] == first


def check_result(folder: Path) -> Result:
    """Reads a complete result with the contract and with the committed schema; its done marker has its hash."""
    committed_schema("result").validate(parse_json((folder / RESULT_NAME).read_bytes()))
    result = read_result(folder / RESULT_NAME)
    assert result.complete
    done = Done.model_validate_json((folder / DONE_NAME).read_text(encoding="utf-8"))
    assert (done.reason, done.result_sha256) == ("complete", sha256(folder / RESULT_NAME))
    return result
