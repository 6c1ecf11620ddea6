"""The process that holds two artifacts while they are compared: ``python -m mobile_robust.bench.host.pairs``.

They take turns (:mod:`~mobile_robust.runtimes.turns`) on the same cores. Ratios hold where those of whole repetitions
do not. Speaks ``runtimes.process`` like :mod:`~mobile_robust.bench.host.worker`.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel

from mobile_robust.bench.host.worker import FAILURES, WorkerJob, failure
from mobile_robust.bench.inputs import TestSet
from mobile_robust.contracts.result import Protocol
from mobile_robust.documents import parse_model
from mobile_robust.runtimes.process import Message, Worker, launch, receive, reply_stream, send
from mobile_robust.runtimes.registry import runtimes
from mobile_robust.runtimes.turns import clock_of, take_turns

_WORKER = "mobile_robust.bench.host.pairs"


class PairJob(BaseModel):
    """Two artifacts on the same runtime, and how many pairs are measured."""

    both: tuple[WorkerJob, WorkerJob]
    pairs: int


def alternate(
    paths: tuple[Path, Path], inputs: tuple[TestSet, TestSet], runtime: str, protocol: Protocol, pairs: int
) -> Message:
    """ "ns" (pairs, 2) of an artifact and the one that it is compared with, by the clock that the text names; or
    "error"."""
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
            message = _measure(job)
        except FAILURES as error:
            message = failure(error)
        send(stream, message)


def _measure(job: PairJob) -> Message:
    first, second = job.both
    info, protocol = runtimes()[first.runtime], first.protocol
    if protocol.pinned_cpus is not None and info.accelerator == "cpu":
        os.sched_setaffinity(0, protocol.pinned_cpus)  # before the runtime makes its threads, which inherit it
    runtime = info.make_timed()
    runtime.import_engine()
    sessions = runtime.load(first.artifact, protocol.threads), runtime.load(second.artifact, protocol.threads)
    samples = range(protocol.inputs.count)
    inputs = [first.arrays(index) for index in samples], [second.arrays(index) for index in samples]
    clock = clock_of(runtime, protocol.threads)
    return Message("samples", clock, {"ns": take_turns(sessions, inputs, job.pairs, clock)})


if __name__ == "__main__":
    main()
