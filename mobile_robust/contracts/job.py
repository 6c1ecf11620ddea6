"""Job: what the benchmark app of a device is to measure, and the two small files by which it reports its progress.

The host writes the job; the app writes ``progress.json`` while it works, a Result (``contracts/result.py``) after every
repetition, and ``done.json`` last of all. What a platform's runtimes take is the platform's to check
(``bench/device/transport.py``), not the contract's.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from mobile_robust.contracts.contract import Contract
from mobile_robust.contracts.precisions import Precision
from mobile_robust.contracts.result import INLINE_OUTPUTS, INLINE_VALUES, Accelerator, Protocol, Sha256

JOB_NAME, PROGRESS_NAME, DONE_NAME = "job.json", "progress.json", "done.json"
#: What a job says of a model as its run does.
DESCRIPTION = (
    "name",
    "title",
    "label",
    "artifact",
    "sha256",
    "precision",
    "macs",
    "parameters",
    "requested",
    "arithmetic",
)

RunId = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
Dimension = Annotated[int, Field(ge=1)]


class JobTensor(Contract):
    """An input or output; always float32."""

    name: str = Field(description="in the file's signature")
    shape: tuple[Dimension, ...]


def _ascending(indices: tuple[int, ...]) -> tuple[int, ...]:
    if list(indices) != sorted(set(indices)):
        raise ValueError(f"must ascend, got {list(indices)}")
    return indices


class JobModel(Contract):
    """One artifact on one accelerator. All up to ``parameters`` is copied into the run."""

    name: str
    title: str
    label: str | None
    artifact: str
    sha256: Sha256
    precision: Precision
    macs: int | None
    parameters: int | None
    file: str = Field(description="SHA256 and the suffix that the runtime takes, such as .tflite; beside the job")
    total_ops: int = Field(ge=1, description="operations in the file")
    requested: Accelerator
    arithmetic: Literal["fp32", "fp16"] | None = Field(
        description="what the accelerator computes floats in; null: as the file says"
    )
    inputs: tuple[JobTensor, ...] = Field(min_length=1, description="in the order of the test set's file")
    outputs: tuple[JobTensor, ...] = Field(min_length=1, description="in the order in which they are hashed and kept")
    inputs_file: str = Field(
        description="SHA256.f32, beside the job: little-endian float32, for every input of the test set all tensors"
    )
    inputs_sha256: Sha256
    repetitions: Annotated[tuple[Annotated[int, Field(ge=0)], ...], AfterValidator(_ascending)] = Field(
        min_length=1, description="indices that are still to be measured"
    )

    @model_validator(mode="after")
    def _named_by_hash(self) -> JobModel:
        if not re.fullmatch(rf"{self.sha256}\.[a-z0-9]+", self.file):
            raise ValueError(f"{self.file} is not named by its hash, {self.sha256}")
        if self.inputs_file != f"{self.inputs_sha256}.f32":
            raise ValueError(f"{self.inputs_file} is not named by its hash, {self.inputs_sha256}.f32")
        return self


class Job(Contract):
    """Everything the app needs to know."""

    schema_version: Literal[1] = 1
    run_id: RunId = Field(description="names the folder of what the app writes")
    protocol: Protocol
    max_thermal_status: int = Field(
        default=2, ge=0, le=6, description="on the platform's scale; no repetition begins on a hotter device"
    )
    thermal_wait_seconds: float = Field(default=300.0, ge=0, description="how long the app waits for it to cool down")
    kept_outputs: int = Field(ge=1, description="outputs for so many first inputs are kept, in outputs_K.f32")
    inline_outputs: int = Field(
        default=INLINE_OUTPUTS, ge=0, description="outputs for so many first inputs are in the result as well,"
    )
    inline_values: int = Field(
        default=INLINE_VALUES, ge=0, description="where all outputs for one input have at most so many values"
    )
    models: tuple[JobModel, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> Job:
        keys = [(model.sha256, model.requested) for model in self.models]
        if len(set(keys)) < len(keys):
            raise ValueError("models: an artifact is there twice for the same accelerator")
        if self.protocol.pinned_cpus is not None:
            raise ValueError("protocol: an app cannot stay on some cores; pinned_cpus must be null")
        if self.kept_outputs > self.protocol.inputs.count:
            raise ValueError(f"kept_outputs: {self.kept_outputs} of {self.protocol.inputs.count} inputs")
        for model in self.models:
            if model.repetitions[-1] >= self.protocol.repetitions:
                raise ValueError(
                    f"models: {model.artifact}: repetition {model.repetitions[-1]} of {self.protocol.repetitions}; "
                    "they count from 0"
                )
        return self


class Progress(Contract):
    """The app's progress."""

    done: int = Field(ge=0, description="repetitions of this job that are measured")
    total: int = Field(ge=0, description="repetitions of this job")
    what: str = Field(description="what it does now, for people")
    model: int | None = Field(default=None, ge=0, description="index of the job's model that this is about; null: none")
    alive: int = Field(description="the device's clock when this was written, milliseconds UTC")


class Done(Contract):
    """The last thing the app writes."""

    result_sha256: Sha256
    reason: Literal["complete", "error"]
    message: str


def outputs_name(index: int) -> str:
    """The file with the kept outputs of the job's model ``index``."""
    return f"outputs_{index}.f32"
