"""The process that holds two artifacts while they are compared: ``python -m mobile_robust.bench.host.pairs``.

They take turns inference by inference, each first in every second pair, on the same cores: whatever else the machine
does in these milliseconds it does to both, and the median leaves out the pairs that it hit in between. Ratios hold
where those of whole repetitions do not. Speaks ``runtimes.process`` like :mod:`~mobile_robust.bench.host.worker`.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from time import perf_counter_ns

import numpy as np
from pydantic import BaseModel

from mobile_robust.bench.host.worker import FAILURES, WorkerJob, failure
from mobile_robust.bench.inputs import TestSet
from mobile_robust.contracts.result import Protocol
from mobile_robust.documents import parse_model
from mobile_robust.runtimes.base import Arrays, Session
from mobile_robust.runtimes.process import Message, Worker, launch, receive, reply_stream, send
from mobile_robust.runtimes.registry import runtimes

_WORKER = "mobile_robust.bench.host.pairs"
#: Pairs at first that do not count.
WARM_UP_PAIRS = 5


class PairJob(BaseModel):
    """Two artifacts on the same runtime, and how many pairs are measured."""

    both: tuple[WorkerJob, WorkerJob]
    pairs: int


def alternate(
    paths: tuple[Path, Path], inputs: tuple[TestSet, TestSet], runtime: str, protocol: Protocol, pairs: int
) -> Message:
    """ "ns" (pairs, 2) of an artifact and the one that it is compared with, or "error"."""
    first, second = (
        WorkerJob(artifact=path.resolve(), runtime=runtime, protocol=protocol, inputs=each.path, shapes=each.shapes)
        for path, each in zip(paths, inputs, strict=True)
    )
    worker = Worker(**launch(_WORKER, [], runtimes()[runtime].make_timed().environment()))
    try:
        return worker.ask(Message("job", PairJob(both=(first, second), pairs=pairs).model_dump_json()))
    finally:
        worker.close()


def main() -> None:
    """Replies to its job with "samples" or "error"."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the first one ends the others
    stream, requests = reply_stream(), sys.stdin.buffer
    with suppress(EOFError, BrokenPipeError):  # the other process has gone
        job = parse_model(PairJob, receive(requests).text)
        try:
            message = Message("samples", "", {"ns": _measure(job)})
        except FAILURES as error:
            message = failure(error)
        send(stream, message)


def _measure(job: PairJob) -> np.ndarray:
    first, _ = job.both
    info, protocol = runtimes()[first.runtime], first.protocol
    if protocol.pinned_cpus is not None and info.accelerator == "cpu":
        os.sched_setaffinity(0, protocol.pinned_cpus)  # before the runtime makes its threads, which inherit it
    runtime = info.make_timed()
    runtime.import_engine()
    sessions = [runtime.load(each.artifact, protocol.threads) for each in job.both]
    inputs = [[each.arrays(index) for index in range(protocol.inputs.count)] for each in job.both]
    samples = np.empty((WARM_UP_PAIRS + job.pairs, 2), np.int64)
    gc.disable()
    for index in range(len(samples)):
        for which in (0, 1) if index % 2 else (1, 0):
            samples[index, which] = _time(sessions[which], inputs[which][index % protocol.inputs.count])
    return samples[WARM_UP_PAIRS:]


def _time(session: Session, inputs: Arrays) -> int:
    session.write(inputs)
    start = perf_counter_ns()
    session.run()
    return perf_counter_ns() - start


if __name__ == "__main__":
    main()
