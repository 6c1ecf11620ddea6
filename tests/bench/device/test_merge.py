"""What a device says is compared with what it was asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mobile_robust.bench.device.merge import MismatchError, merge
from mobile_robust.contracts.job import DESCRIPTION, Job
from mobile_robust.contracts.result import Result, Run
from tests.bench.fakes import digest, protocol, result, run

HOW = protocol(2, pinned_cpus=None)
ASKED = run("afd_resnet50", how=HOW).model_copy(update={"label": "untrained: latency only"})
PATH = Path("result.json")


def job(asked: Run = ASKED) -> Job:
    tensor = [{"name": "x", "shape": [1]}]
    model = {
        **asked.model_dump(include=set(DESCRIPTION)),
        "file": f"{asked.sha256}.tflite",
        "total_ops": 9,
        "inputs": tensor,
        "outputs": tensor,
        "inputs_file": f"{digest('inputs')}.f32",
        "inputs_sha256": digest("inputs"),
        "repetitions": [0, 1],
    }
    return Job.model_validate({"run_id": "0" * 16, "protocol": HOW, "kept_outputs": 2, "models": [model]})


def merged(claimed: dict[str, Any], seconds: float = 60.0) -> Result:
    """Ours without samples, with what a device claims of the run."""
    ours = Run.model_validate({**ASKED.model_dump(include=set(DESCRIPTION)), "runtime": ASKED.runtime})
    theirs = Run.model_validate({**ASKED.model_dump(), **claimed})
    return merge(result((ours,), HOW), result((theirs,), HOW), PATH, job(), seconds)


def test_what_was_asked_for_is_merged() -> None:
    (got,) = merged({}).runs
    assert got == ASKED


@pytest.mark.parametrize(
    ("claimed", "said"),
    [
        ({"label": None}, "has the label None; asked for: 'untrained: latency only'"),
        ({"artifact": "other.tflite"}, "has the artifact 'other.tflite'; asked for: 'afd_resnet50_fp32.tflite'"),
        ({"name": "resnet50"}, "has the name 'resnet50'; asked for: 'afd_resnet50'"),
        ({"precision": "int8"}, "has the precision 'int8'"),
        ({"macs": 1}, "has the macs 1"),
        ({"sha256": digest("other")}, "the app measured afd_resnet50_fp32.tflite on litert_cpu 2.3.0; asked for"),
        ({"inputs_sha256": digest("other")}, "is of other inputs"),
        ({"actual": {"accelerator": "xnnpack", "total_ops": 8, "placed_ops": 8}}, "has 8 of 8 operations; has: 9"),
        ({"actual": {"accelerator": "xnnpack", "total_ops": 9, "placed_ops": -1}}, "has -1 of 9 operations"),
        ({"load_ns": 2**62}, "the app's samples last .* s, but it was started 60 s ago"),
    ],
)
def test_another_claim_is_refused(claimed: dict[str, Any], said: str) -> None:
    with pytest.raises(MismatchError, match=rf"^result\.json: .*{said}"):
        merged(claimed)


def test_samples_cannot_last_longer_than_the_app_ran() -> None:
    spent = sum(sum(repetition.samples_ns) for repetition in ASKED.repetitions) / 1e9
    assert merged({}, 2 * spent).runs[0].repetitions == ASKED.repetitions
    with pytest.raises(MismatchError, match="the app's samples last"):
        merged({}, spent / 2)


def test_no_number_of_more_than_64_bits_is_a_result() -> None:
    for wrong in ({"load_ns": 10**30}, {"macs": -(10**30)}, {"first_inference_ns": 0}, {"load_ns": -5}):
        with pytest.raises(ValueError, match="64|greater than 0"):
            Run.model_validate({**ASKED.model_dump(), **wrong})
    samples = {"index": 0, "start": "2026-01-02T03:04:05+00:00", "samples_ns": [10**30] * 8}
    with pytest.raises(ValueError, match="an integer of 100 bits"):
        Run.model_validate({**ASKED.model_dump(), "repetitions": [samples]})
