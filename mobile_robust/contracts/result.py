"""Result: raw latency samples of artifacts on one device, alike from this host, an Android phone and an iPhone.

A device stores what it measured and nothing else: times are whole nanoseconds, what it cannot know is null, no number
is NaN or infinite. Every statistic is computed by the host. The file is written anew after every repetition;
``complete`` is set when it is written for the last time.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from mobile_robust.contracts.contract import Contract
from mobile_robust.contracts.manifest import Placement
from mobile_robust.contracts.precisions import Precision
from mobile_robust.documents import DocumentError, as_model, read_json
from mobile_robust.errors import InputError
from mobile_robust.files import write_output

SCHEMA_VERSION = 1
RESULT_NAME = "result.json"
#: A result holds the outputs for so many first inputs, where all outputs for one have at most so many values.
INLINE_OUTPUTS, INLINE_VALUES = 2, 4096

Nanoseconds = Annotated[int, Field(gt=0)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Utc = Annotated[str, Field(description="UTC, ISO 8601")]
#: What can be asked for; "all": whichever the runtime chooses for each operation.
Accelerator = Literal["cpu", "gpu", "npu", "all"]


class App(Contract):
    """The program that measured."""

    platform: Literal["host", "android", "ios"]
    name: str
    version: str


class Cpu(Contract):
    """One core of the device."""

    index: int = Field(ge=0)
    max_khz: int | None = Field(default=None, description="highest frequency in kHz")


class Device(Contract):
    """The device that the samples were measured on."""

    name: str = Field(description="as people call it; of a computer its processor")
    model: str | None = Field(default=None, description="the maker's model number")
    soc: str | None = Field(default=None, description="system on a chip")
    os: str = Field(description="name and version")
    abi: str = Field(description="instruction set of the process, such as arm64-v8a or x86_64")
    cpus: tuple[Cpu, ...]
    memory_bytes: int | None = None


class Inputs(Contract):
    """The test set."""

    count: int = Field(ge=1)
    description: str = Field(description="which photos")
    sha256: Sha256 = Field(description="of the photos, computed by the host; a device copies it from its job")


class Protocol(Contract):
    """How it was measured. Results can be compared where all of this is equal."""

    name: Literal["mean-of-means"] = Field(
        default="mean-of-means",
        description="mean over the test set, repeated, mean of the means (AFD-Module, section IV-A1)",
    )
    version: Literal[1] = 1
    sample: Literal["inference"] = Field(
        default="inference",
        description="what one sample lasts: from inputs lying in the runtime's buffers to outputs lying in memory that "
        "the CPU can read",
    )
    warm_up_seconds: float = Field(ge=0, description="at least this long before every repetition")
    warm_up_runs: int = Field(ge=0, description="and at least so many inferences")
    repetitions: int = Field(ge=1)
    threads: int = Field(ge=1, description="of CPU runtimes; Core ML takes no number and chooses for itself")
    pinned_cpus: tuple[int, ...] | None = Field(description="the cores CPU runtimes had to stay on; null: any")
    cool_down_seconds: float = Field(ge=0, description="idle time before every repetition")
    interleaved: bool = Field(description="A B C A B C, one repetition each, so that ratios are of the same minute")
    inputs: Inputs


class State(Contract):
    """How warm and how fast the device is at a moment."""

    thermal_status: int | None = Field(
        default=None, ge=0, le=6, description="Android's: 0 none to 6 shutdown; Apple's: 0 nominal to 3 critical"
    )
    thermal_headroom: float | None = Field(default=None, description="Android's forecast; 1.0: severe throttling")
    temperatures_mc: dict[str, int] = Field(
        default_factory=dict, description="sensor -> thousandths of a degree Celsius"
    )
    cpu_khz: tuple[int | None, ...] = Field(default=(), description="frequency now, in the order of device.cpus")
    battery_percent: int | None = Field(default=None, ge=0, le=100)
    battery_mc: int | None = Field(default=None, description="thousandths of a degree C")
    charging: bool | None = None
    low_power: bool | None = Field(default=None, description="Apple's low-power mode, in which all is slower")
    load: float | None = Field(default=None, ge=0, description="processes that ran or waited, mean of one minute")


class Repetition(Contract):
    """The whole test set once."""

    index: int = Field(ge=0)
    start: Utc
    samples_ns: tuple[Nanoseconds, ...] = Field(description="one an input of the test set, in its order")
    state_before: State = State()
    state_after: State = State()


#: What inferences are timed by: CPU time of the engine's one thread, or the time that passes.
Clock = Literal["cpu", "wall"]


class Pairs(Contract):
    """The artifact and another one, inference by inference in turn, in one process on the same cores."""

    base: str = Field(description="name of the other's recipe")
    base_sha256: Sha256
    clock: Clock = Field(
        default="wall", description="cpu: CPU time of the engine's one thread; wall: the time that passed"
    )
    samples_ns: tuple[tuple[Nanoseconds, Nanoseconds], ...] = Field(
        min_length=1, description="the artifact's and the other's; each is first in every second pair"
    )


class ErrorRecord(Contract):
    """Something that went wrong, instead of a number."""

    when: Utc
    where: str = Field(description="such as load, first inference, repetition 3")
    message: str


class RuntimeVersion(Contract):
    """What executed the artifact."""

    name: str = Field(description="such as litert_cpu, tflite_gpu, coreml_npu")
    version: str = Field(description='"system": that of the device\'s os, which the runtime comes with')


class Output(Contract):
    """One output of the artifact for one input, so that a host can check parity on a device it does not have."""

    input: int = Field(ge=0, description="index in the test set")
    name: str
    shape: tuple[int, ...]
    values: str = Field(description="base64 of little-endian float32")


def _ascending(repetitions: tuple[Repetition, ...]) -> tuple[Repetition, ...]:
    indices = [repetition.index for repetition in repetitions]
    if indices != sorted(set(indices)):
        raise ValueError(f"indices must ascend, got {indices}")
    return repetitions


class Run(Contract):
    """One artifact on one runtime."""

    name: str = Field(description="of its recipe")
    title: str = Field(default="", description="of its recipe")
    label: str | None = Field(default=None, description="such as 'untrained: latency only'")
    artifact: str = Field(description="file name")
    sha256: Sha256
    precision: Precision
    macs: int | None = Field(default=None, description="from the manifest")
    parameters: int | None = Field(default=None, description="from the manifest")
    runtime: RuntimeVersion
    requested: Accelerator = Field(description="the accelerator that was asked for")
    arithmetic: Literal["fp32", "fp16"] | None = Field(
        default=None, description="what float operations are computed in; null: as the file says"
    )
    actual: Placement | None = Field(default=None, description="where the operations are; null: never loaded")
    load_ns: Nanoseconds | None = Field(default=None, description="from the file to ready")
    first_inference_ns: Nanoseconds | None = None
    baseline_memory_bytes: int | None = Field(default=None, description="resident, before the load")
    peak_memory_bytes: int | None = Field(
        default=None, description="resident, highest from the load to the end of the first inference"
    )
    inputs_sha256: Sha256 | None = Field(
        default=None, description="over all input tensors' bytes, as the file takes them"
    )
    outputs_sha256: tuple[Sha256, ...] = Field(
        default=(), description="one an input: over its output tensors' little-endian float32 bytes"
    )
    outputs: tuple[Output, ...] = Field(default=(), description="of the first inputs, where they are small")
    repetitions: Annotated[tuple[Repetition, ...], AfterValidator(_ascending)] = ()
    pairs: Pairs | None = Field(default=None, description="beside the artifact that ratios are to")
    errors: tuple[ErrorRecord, ...] = ()

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells runs of a result apart."""
        return self.sha256, self.runtime.name, self.requested

    @model_validator(mode="after")
    def _no_fallback(self) -> Run:
        """CPU kernels instead of an accelerator's are an error, not a latency."""
        if self.requested != "cpu" and self.repetitions:
            if self.actual is None:
                raise ValueError(f"has samples of {self.requested}, but does not say where its operations were")
            if self.actual.placed_ops < self.actual.total_ops:
                placed = f"{self.actual.placed_ops} of {self.actual.total_ops}"
                raise ValueError(f"has samples of {self.requested}, but only {placed} operations were on it")
        return self


class Result(Contract):
    """All that one device measured in one go."""

    schema_version: Literal[1] = 1
    created: Utc
    app: App
    device: Device
    protocol: Protocol
    runs: tuple[Run, ...] = ()
    errors: tuple[ErrorRecord, ...] = Field(default=(), description="of no run in particular")
    complete: bool = Field(description="everything was measured or has an error that says why not; nothing follows")

    @model_validator(mode="after")
    def _consistent(self) -> Result:
        keys = [run.key for run in self.runs]
        if len(set(keys)) < len(keys):
            raise ValueError("runs: an artifact is there twice with the same runtime and accelerator")
        inputs, most = self.protocol.inputs.count, self.protocol.repetitions
        for run in self.runs:
            where = f"runs: {run.artifact} on {run.runtime.name}"
            if len(run.outputs_sha256) not in (0, inputs):
                raise ValueError(f"{where}: {len(run.outputs_sha256)} output checksums for {inputs} inputs")
            for repetition in run.repetitions:
                if len(repetition.samples_ns) != inputs:
                    raise ValueError(
                        f"{where}: repetition {repetition.index} has {len(repetition.samples_ns)} samples for {inputs} "
                        "inputs"
                    )
                if repetition.index >= most:
                    raise ValueError(f"{where}: repetition {repetition.index} of {most}; they count from 0")
        return self


def write_result(result: Result, path: Path) -> None:
    """Writes it atomically; raises InputError, for instance on a full disk."""
    write_output(path, result.model_dump_json() + "\n")


class SchemaVersionError(InputError):
    """A result of a version that this program does not know."""


def read_result(path: Path) -> Result:
    """Reads a result.

    Raises:
        SchemaVersionError: It is of another schema version.
        InputError: The file cannot be read or is no result.
    """
    what = f"a result of schema version {SCHEMA_VERSION}"
    document = read_json(path, what)
    version = document.get("schema_version") if isinstance(document, dict) else None
    if type(version) is int and version != SCHEMA_VERSION:
        raise SchemaVersionError(
            f"{path}: a result of schema version {version}; this program knows version {SCHEMA_VERSION}"
        )
    try:
        return as_model(Result, document)
    except DocumentError as error:
        raise InputError(f"{path}: not {what}: {error}") from None
