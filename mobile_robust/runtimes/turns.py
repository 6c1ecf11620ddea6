"""Two artifacts that take turns, inference by inference, so that the ratio of their latencies holds on a machine that
does other work as well.

Whatever the machine does in these milliseconds it does to both, and the median leaves out the pairs that it hit in
between. Every inference that counts follows one that does not: the other session has emptied the caches, from which a
small module suffers and a large network hardly does, and by how much depends on who else uses them. Where an engine
computes in the thread that calls it, that thread's CPU time is measured: time in which another process had the core
counts for neither.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence
from time import monotonic, perf_counter_ns, thread_time_ns
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mobile_robust.runtimes.base import Arrays, Session, TimedRuntime

if TYPE_CHECKING:
    from mobile_robust.contracts.result import Clock

#: Pairs at first that do not count.
WARM_UP_PAIRS = 5
#: As many are measured however long they take.
LEAST_PAIRS = 9


def clock_of(runtime: TimedRuntime, threads: int) -> Clock:
    """What inferences of a runtime are timed by when they take turns."""
    return "cpu" if runtime.computes_in_caller and threads == 1 else "wall"


def take_turns(
    sessions: tuple[Session, Session],
    inputs: tuple[Sequence[Arrays], Sequence[Arrays]],
    pairs: int,
    clock: Clock,
    most_seconds: float = float("inf"),
) -> NDArray[np.int64]:
    """Nanoseconds (pairs, 2) of one inference each, the second of two in a row; each session is first in every second
    pair. Fewer pairs where they would take longer than ``most_seconds``."""
    samples, end = np.empty((WARM_UP_PAIRS + pairs, 2), np.int64), monotonic() + most_seconds
    gc.disable()
    try:
        for index in range(len(samples)):
            if index >= WARM_UP_PAIRS + LEAST_PAIRS and monotonic() > end:
                samples = samples[:index]
                break
            for which in (0, 1) if index % 2 else (1, 0):
                samples[index, which] = _time(sessions[which], inputs[which][index % len(inputs[which])], clock)
    finally:
        gc.enable()
    return samples[WARM_UP_PAIRS:]


def _time(session: Session, inputs: Arrays, clock: Clock) -> int:
    now = thread_time_ns if clock == "cpu" else perf_counter_ns
    session.write(inputs)
    session.run()
    session.write(inputs)  # an engine may have used them up
    start = now()
    session.run()
    return now() - start
