"""The process that holds one artifact while it is measured: ``python -m mobile_robust.bench.host.worker``.

A process of its own so that its memory is the artifact's. Speaks ``parity.runtimes.messages`` on stdin and stdout: it
is told its :class:`Job`, loads the artifact, answers every input once without a clock, and then measures one repetition
whenever it is asked to. It ends when nobody is there to ask.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from time import perf_counter_ns
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mobile_robust.bench.host import machine as device
from mobile_robust.contracts.result import INLINE_OUTPUTS, INLINE_VALUES
from mobile_robust.runtimes.base import Arrays
from mobile_robust.runtimes.litert_gpu.worker import GpuModel
from mobile_robust.runtimes.messages import Message, receive, send
from mobile_robust.runtimes.process import answers


@dataclass(frozen=True)
class Job:
    """What a worker is to measure.

    Attributes:
        artifact: Path of the .tflite file; its borders are float32.
        runtime: litert_cpu or litert_gpu.
        threads: Of litert_cpu.
        pinned_cpus: The cores litert_cpu has to stay on; None: any.
        warm_up_seconds: At least this long before every repetition.
        warm_up_runs: And at least so many inferences.
        inputs: Path of the test set: float32, for every input of the test set all tensors one after the other.
        shapes: Input name -> shape, in the order of ``inputs``.
        count: Size of the test set.
    """

    artifact: str
    runtime: str
    threads: int
    pinned_cpus: tuple[int, ...] | None
    warm_up_seconds: float
    warm_up_runs: int
    inputs: str
    shapes: dict[str, tuple[int, ...]]
    count: int

    def message(self) -> Message:
        """To be sent first."""
        return Message("job", json.dumps(asdict(self)))


class Opened(Protocol):
    """An artifact loaded by a runtime; the three steps of an inference apart."""

    def write(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Hands over the inputs, by name."""

    def run(self) -> None:
        """One inference: at its end the outputs lie in memory that the CPU can read. This is what a sample lasts."""

    def read(self) -> dict[str, NDArray[Any]]:
        """Copies of the outputs, by name."""


class OpenedOnCpu:
    """See :class:`Opened`."""

    def __init__(self, artifact: Path, threads: int) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter: Any = Interpreter(model_path=str(artifact), num_threads=threads)
        self._interpreter.allocate_tensors()
        runner = self._interpreter.get_signature_runner()
        self._inputs = {name: tensor["index"] for name, tensor in runner.get_input_details().items()}
        self._outputs = {name: tensor["index"] for name, tensor in runner.get_output_details().items()}

    def write(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """See :class:`Opened`."""
        for name, index in self._inputs.items():
            self._interpreter.set_tensor(index, arrays[name])

    def run(self) -> None:
        """See :class:`Opened`."""
        self._interpreter.invoke()

    def read(self) -> dict[str, NDArray[Any]]:
        """See :class:`Opened`."""
        return {name: self._interpreter.get_tensor(index) for name, index in self._outputs.items()}


class OpenedOnGpu(GpuModel):
    """See :class:`Opened`. Reading is part of the inference: nothing else waits for the GPU's end."""

    def __init__(self, artifact: Path) -> None:
        super().__init__(artifact)
        if not self.whole:
            raise RuntimeError("not every operation is on the GPU")

    def run(self) -> None:
        """See :class:`Opened`."""
        super().run()
        self._results = super().read()

    def read(self) -> dict[str, NDArray[Any]]:
        """See :class:`Opened`."""
        return self._results


class TestSet:
    """The inputs of a job, read from the disk one at a time.

    Args:
        job: Says where they are.
    """

    __test__ = False  # not for pytest

    def __init__(self, job: Job) -> None:
        self._file = np.memmap(job.inputs, np.dtype("<f4"), "r").reshape(job.count, -1)
        self._shapes = job.shapes

    def __iter__(self) -> Iterator[Arrays]:
        for row in self._file:
            yield self._named(row)

    def first(self) -> Arrays:
        """Float32 by name, as the file takes them."""
        return self._named(self._file[0])

    def _named(self, row: NDArray[np.float32]) -> Arrays:
        arrays, start = {}, 0
        for name, shape in self._shapes.items():
            stop = start + int(np.prod(shape))
            arrays[name] = np.array(row[start:stop]).reshape(shape)  # a copy, so that the disk is read before the clock
            start = stop
        return arrays


def main() -> None:
    """Says "open" or "error", then answers every "repeat" by "samples" or "error"."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the first one ends the others
    stream, questions = answers(), sys.stdin.buffer
    with suppress(EOFError, BrokenPipeError):  # nobody is there any more
        described = json.loads(receive(questions).text)
        job = Job(**described)
        if job.pinned_cpus is not None and job.runtime == "litert_cpu":
            os.sched_setaffinity(0, job.pinned_cpus)  # before the runtime makes its threads, which inherit it
        inputs = TestSet(job)
        try:
            opened, message = _open(job, inputs)
        except (RuntimeError, ValueError, MemoryError) as error:
            send(stream, Message("error", str(error) or type(error).__name__))
            return
        send(stream, message)
        while True:
            receive(questions)
            try:
                message = _repeat(job, opened, inputs)
            except (RuntimeError, ValueError, MemoryError) as error:
                message = Message("error", str(error) or type(error).__name__)
            send(stream, message)


def _open(job: Job, inputs: TestSet) -> tuple[Opened, Message]:
    """Loads, measures load and first inference, then answers the whole test set once."""
    import ai_edge_litert.compiled_model
    import ai_edge_litert.interpreter  # noqa: F401  # neither its time nor its memory is the artifact's

    artifact, first = Path(job.artifact), inputs.first()
    baseline = device.resident_bytes() if device.forget_peak() else None
    start = perf_counter_ns()
    opened: Opened = OpenedOnGpu(artifact) if job.runtime == "litert_gpu" else OpenedOnCpu(artifact, job.threads)
    loaded = perf_counter_ns()
    opened.write(first)
    written = perf_counter_ns()
    opened.run()
    done = perf_counter_ns()
    peak = device.peak_resident_bytes() if baseline is not None else None
    digests, kept = _answers(opened, inputs)
    facts = {
        "load_ns": loaded - start,
        "first_inference_ns": done - written,
        "baseline_memory_bytes": baseline,
        "peak_memory_bytes": peak,
        "outputs_sha256": digests,
    }
    return opened, Message("open", json.dumps(facts), kept)


def _answers(opened: Opened, inputs: TestSet) -> tuple[list[str], dict[str, NDArray[np.float32]]]:
    """SHA-256 of the answer to every input, and the first answers, small ones only, by "INPUT NAME"."""
    digests: list[str] = []
    kept: dict[str, NDArray[np.float32]] = {}
    for index, arrays in enumerate(inputs):
        opened.write(arrays)
        opened.run()
        outputs = {name: x.astype("<f4") for name, x in opened.read().items()}
        for name, x in outputs.items():
            if not np.isfinite(x).all():
                raise RuntimeError(f"output {name} for input {index} has values that are not finite")
        digests.append(hashlib.sha256(b"".join(x.tobytes() for x in outputs.values())).hexdigest())
        if index < INLINE_OUTPUTS and sum(x.size for x in outputs.values()) <= INLINE_VALUES:
            kept |= {f"{index} {name}": x for name, x in outputs.items()}
    return digests, kept


def _repeat(job: Job, opened: Opened, inputs: TestSet) -> Message:
    """Warms up, then measures the test set once."""
    opened.write(inputs.first())
    runs, end = 0, perf_counter_ns() + int(job.warm_up_seconds * 1e9)
    while runs < job.warm_up_runs or perf_counter_ns() < end:
        opened.run()
        runs += 1
    begun = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    samples = []
    gc.disable()
    try:
        for arrays in inputs:
            opened.write(arrays)
            start = perf_counter_ns()
            opened.run()
            samples.append(perf_counter_ns() - start)
    finally:
        gc.enable()
    return Message("samples", begun, {"ns": np.array(samples, np.int64)})


if __name__ == "__main__":
    main()
