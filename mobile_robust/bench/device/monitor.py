"""Monitors the app while it works: how far it is, and how it ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from mobile_robust.bench.device.transport import DeviceTransport
from mobile_robust.contracts.job import DONE_NAME, PROGRESS_NAME, Done, Progress
from mobile_robust.documents import DocumentError, as_model, parse_each

#: Of a sentence of the app.
_MOST_CHARACTERS = 500


@dataclass(frozen=True)
class Limits:
    """Time limits of the monitor, in seconds.

    Attributes:
        poll: Between two readings of the app's progress; each costs the device a little time.
        silent: Until an app without a new progress file counts as hung; it writes none during a single call of the
            runtime, such as a load on the GPU.
        stuck: Until an app that reports the same step counts as hung, besides its idle time before a repetition.
    """

    poll: float = 3.0
    silent: float = 180.0
    stuck: float = 1500.0


@dataclass(frozen=True)
class Ending:
    """How the app ended: its ``last`` progress, and reason (None: without a report), message and hash of its result as
    it reported them."""

    reason: Literal["complete", "error"] | None
    message: str
    last: Progress
    result_sha256: str | None = None

    def crashed(self, diagnosis: str = "") -> Ending:
        """The same app's end as a crash; ``diagnosis``: what the device's system logged of it."""
        message = f"the app crashed{_during(self.last)}" + (f": {diagnosis}" if diagnosis else "")
        return Ending(None, message, self.last)


def monitor(
    transport: DeviceTransport,
    run_id: str,
    limits: Limits,
    most_steps: int,
    pause: Callable[[float], None],
    progressed: Callable[[Progress], None],
    measured: Callable[[], None],
) -> Ending:
    """Returns when the app has ended or hangs.

    Args:
        transport: Of the device.
        run_id: Of the app's job.
        limits: When it counts as hung.
        most_steps: That the job can have; an app that reports more does not work on it.
        pause: Waits so many seconds.
        progressed: Called with every new progress.
        measured: Called when there are more repetitions.
    """
    last = Progress(done=0, total=0, what="", alive=0)
    alive = moved = time.monotonic()
    gone, steps = False, set[tuple[int, str]]()
    while True:
        if not gone:
            pause(limits.poll)
        progress, done = _read(transport, run_id)
        before, last, now = last, progress or last, time.monotonic()
        if done is not None:
            return Ending(done.reason, done.message, last, done.result_sha256)
        if gone:
            return Ending(None, "", last).crashed()
        if (last.done, last.what) not in steps:
            moved = now
            steps.add((last.done, last.what))
        if last.done > before.done:
            measured()
        if last.alive != before.alive:
            alive = now
            progressed(last)
        elif _gone(transport, limits, pause):
            gone = True  # it may have ended well since: read once more
            continue
        if len(steps) > most_steps:
            return Ending(None, f"the app hung: it reports more than the {most_steps} steps of its job", last)
        for what, since, limit in (("no sign of life", alive, limits.silent), ("nothing new", moved, limits.stuck)):
            if now - since > limit:
                return Ending(None, f"the app hung: {what} for {limit:g} s{_during(last)}", last)


def _read(transport: DeviceTransport, run_id: str) -> tuple[Progress | None, Done | None]:
    """What the app has written; both files at once, as each reading costs the device time."""
    data = transport.read_all(f"{run_id}/{PROGRESS_NAME}", f"{run_id}/{DONE_NAME}")
    progress, done = None, None
    try:
        for document in parse_each(data):
            if isinstance(document, dict) and "reason" in document:  # an app that refuses its job leaves this file only
                done = as_model(Done, document)
                done = done.model_copy(update={"message": done.message[:_MOST_CHARACTERS]})
            else:
                progress = as_model(Progress, document)
                progress = progress.model_copy(update={"what": progress.what[:_MOST_CHARACTERS]})
    except DocumentError:
        return None, None  # read again soon
    return progress, done


def _gone(transport: DeviceTransport, limits: Limits, pause: Callable[[float], None]) -> bool:
    """Whether the app has no process, asked twice: it may just be starting."""
    if transport.running():
        return False
    pause(limits.poll)
    return not transport.running()


def _during(last: Progress) -> str:
    """The end of a sentence on the app: what it reported last that it was doing."""
    return f" ({last.what})" if last.what else " before it began"
