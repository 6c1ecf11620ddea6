"""The process that holds one artifact while it is measured: ``python -m mobile_robust.bench.host.worker``.

A process of its own so that its memory is the artifact's. Speaks ``runtimes.process`` on stdin and stdout: it receives
its job, loads the artifact, runs every input once without a clock, and then measures one repetition at every request.
It ends with the process that started it.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import signal
import sys
from base64 import b64encode
from contextlib import suppress
from datetime import datetime, timezone
from math import prod
from pathlib import Path
from time import perf_counter_ns

import numpy as np
from pydantic import BaseModel

from mobile_robust.bench.host import machine as device
from mobile_robust.contracts.result import INLINE_OUTPUTS, INLINE_VALUES, Output, Protocol
from mobile_robust.documents import parse_model
from mobile_robust.runtimes.base import Arrays, PlacementError, Session
from mobile_robust.runtimes.process import Message, receive, reply_stream, send
from mobile_robust.runtimes.registry import RuntimeInfo, runtimes

#: What an engine raises where it cannot open or run a file.
FAILURES = (PlacementError, RuntimeError, ValueError, MemoryError)


class WorkerJob(BaseModel):
    """What a worker is to measure: an artifact, whose inputs and outputs are float32, on a timed runtime.

    ``inputs`` is the path of the test set: float32, for every sample all tensors of ``shapes`` one after the other.
    """

    artifact: Path
    runtime: str
    protocol: Protocol
    inputs: Path
    shapes: dict[str, tuple[int, ...]]

    def arrays(self, index: int) -> Arrays:
        """One sample of the test set, read from the disk: float32 by name, as the file takes it."""
        *starts, size = np.cumsum([prod(shape) for shape in self.shapes.values()]).tolist()
        flat = np.split(np.fromfile(self.inputs, "<f4", size, offset=4 * size * index), starts)
        return {name: x.reshape(shape) for (name, shape), x in zip(self.shapes.items(), flat, strict=True)}


def main() -> None:
    """Sends "open" or "error", then replies to every "repeat" with "samples" or "error"."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the first one ends the others
    stream, requests = reply_stream(), sys.stdin.buffer
    with suppress(EOFError, BrokenPipeError):  # the other process has gone
        job = parse_model(WorkerJob, receive(requests).text)
        info, pinned = runtimes()[job.runtime], job.protocol.pinned_cpus
        if pinned is not None and info.accelerator == "cpu":
            os.sched_setaffinity(0, pinned)  # before the runtime makes its threads, which inherit it
        try:
            session, message = _open(job, info)
        except FAILURES as error:
            send(stream, failure(error))
            return
        send(stream, message)
        while True:
            receive(requests)
            try:
                message = _repeat(job, session)
            except FAILURES as error:
                message = failure(error)
            send(stream, message)


def failure(error: Exception) -> Message:
    """The reply where there are no numbers."""
    return Message("error", str(error) or type(error).__name__)


def _open(job: WorkerJob, info: RuntimeInfo) -> tuple[Session, Message]:
    """Loads, measures load and first inference, then runs the whole test set once."""
    runtime, first = info.make_timed(), job.arrays(0)
    runtime.import_engine()
    baseline = device.resident_bytes() if device.forget_peak() else None
    start = perf_counter_ns()
    session = runtime.load(job.artifact, job.protocol.threads)
    loaded = perf_counter_ns()
    session.write(first)
    written = perf_counter_ns()
    session.run()
    done = perf_counter_ns()
    peak = device.peak_resident_bytes() if baseline is not None else None
    digests, kept = _outputs(job, session)
    facts = {
        "load_ns": loaded - start,
        "first_inference_ns": done - written,
        "baseline_memory_bytes": baseline,
        "peak_memory_bytes": peak,
        "outputs_sha256": digests,
        "outputs": [output.model_dump() for output in kept],
    }
    return session, Message("open", json.dumps(facts))


def _outputs(job: WorkerJob, session: Session) -> tuple[list[str], list[Output]]:
    """SHA-256 of the outputs for every input, and the first outputs themselves, small ones only."""
    digests: list[str] = []
    kept: list[Output] = []
    for index in range(job.protocol.inputs.count):
        outputs = {name: x.astype("<f4") for name, x in session.predict(job.arrays(index)).items()}
        for name, x in outputs.items():
            if not np.isfinite(x).all():
                raise RuntimeError(f"output {name} for input {index} has values that are not finite")
        digests.append(hashlib.sha256(b"".join(x.tobytes() for x in outputs.values())).hexdigest())
        if index < INLINE_OUTPUTS and sum(x.size for x in outputs.values()) <= INLINE_VALUES:
            for name, x in outputs.items():
                kept.append(Output(input=index, name=name, shape=x.shape, values=b64encode(x.tobytes()).decode()))
    return digests, kept


def _repeat(job: WorkerJob, session: Session) -> Message:
    """Warms up, then measures the test set once."""
    protocol = job.protocol
    session.write(job.arrays(0))
    runs, end = 0, perf_counter_ns() + int(protocol.warm_up_seconds * 1e9)
    while runs < protocol.warm_up_runs or perf_counter_ns() < end:
        session.run()
        runs += 1
    begun = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    samples = []
    gc.disable()
    try:
        for index in range(protocol.inputs.count):
            session.write(job.arrays(index))
            start = perf_counter_ns()
            session.run()
            samples.append(perf_counter_ns() - start)
    finally:
        gc.enable()
    return Message("samples", begun, {"ns": np.array(samples, np.int64)})


if __name__ == "__main__":
    main()
