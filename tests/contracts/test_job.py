"""What an app is asked: every mistake is refused here, not on the device."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from mobile_robust.contracts.job import Done, Job, Progress
from tests.bench.fakes import digest, protocol
from tests.contracts import committed_schema

MODEL = {
    "name": "resnet50",
    "title": "ResNet-50",
    "label": None,
    "artifact": "resnet50_fp32.tflite",
    "sha256": digest("file"),
    "precision": "fp32",
    "macs": 4_089_184_256,
    "parameters": None,
    "file": f"{digest('file')}.tflite",
    "total_ops": 9,
    "requested": "gpu",
    "arithmetic": "fp32",
    "inputs": [{"name": "image", "shape": [1, 224, 224, 3]}],
    "outputs": [{"name": "logits", "shape": [1, 1000]}],
    "inputs_file": f"{digest('inputs')}.f32",
    "inputs_sha256": digest("inputs"),
    "repetitions": [0, 3],
}
NPU = {"file": f"{digest('file')}.mlmodelc", "requested": "npu", "arithmetic": "fp16", "precision": "pal6"}
DOCUMENT = {
    "schema_version": 1,
    "run_id": "0123456789abcdef",
    "protocol": json.loads(protocol(4, pinned_cpus=None).model_dump_json()),
    "max_thermal_status": 2,
    "thermal_wait_seconds": 300.0,
    "kept_outputs": 2,
    "inline_outputs": 2,
    "inline_values": 4096,
    "models": [MODEL, {**MODEL, "requested": "cpu", "arithmetic": None}, {**MODEL, **NPU}],
}


def test_what_is_written_fits_the_committed_schema_and_is_read_back() -> None:
    job = Job.model_validate(DOCUMENT)
    text = job.model_dump_json()
    assert Job.model_validate_json(text) == job and json.loads(text) == DOCUMENT
    schema = committed_schema("job")
    schema.validate(json.loads(text))
    assert not schema.is_valid({**DOCUMENT, "run_id": "../../x"}) and not schema.is_valid({**DOCUMENT, "more": 1})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d, m: d.update(run_id="0123456789ABCDEF"), "run_id"),
        (lambda d, m: d.update(models=[]), "at least 1 item"),
        (lambda d, m: d.update(kept_outputs=9), "9 of 8 inputs"),
        (lambda d, m: d["protocol"].update(pinned_cpus=[1]), "pinned_cpus must be null"),
        (lambda d, m: d["models"].append(m), "twice for the same accelerator"),
        (lambda d, m: m.update(repetitions=[0, 4]), "repetition 4 of 4; they count from 0"),
        (lambda d, m: m.update(repetitions=[3, 0]), "must ascend"),
        (lambda d, m: m.update(repetitions=[]), "at least 1 item"),
        (lambda d, m: m.update(file="../../x.tflite"), "is not named by its hash"),
        (lambda d, m: m.update(inputs_file=f"{digest('x')}.f32"), "is not named by its hash"),
        (lambda d, m: m["inputs"][0].update(shape=[0]), "greater than or equal to 1"),
    ],
)
def test_what_cannot_be_is_refused(change: Any, said: str) -> None:
    document = json.loads(json.dumps(DOCUMENT))
    change(document, document["models"][0])
    with pytest.raises(ValidationError, match=said):
        Job.model_validate(document)


def test_what_an_app_reports() -> None:
    progress = {"done": 1, "total": 2, "what": "x", "model": 0, "alive": 1_700_000_000_000}
    done = {"result_sha256": digest("x"), "reason": "error", "message": "hot"}
    assert Progress.model_validate(progress).model == 0 and Done.model_validate(done).message == "hot"
    for model, wrong in ((Progress, {**progress, "model": -1}), (Done, {**done, "reason": "bored"})):
        with pytest.raises(ValidationError):
            model.model_validate(wrong)
