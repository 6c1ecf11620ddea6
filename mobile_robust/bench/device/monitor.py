"""Watches the app while it works: how far it is, and how it ends."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pydantic import ValidationError

from mobile_robust.bench.android.phone import Phone
from mobile_robust.contracts.job import DONE_NAME, PROGRESS_NAME, Done, Progress


@dataclass(frozen=True)
class Limits:
    """How long is waited for what, in seconds.

    Attributes:
        poll: Between two looks at the phone: each costs it a little time, so they are rare.
        silent: For a sign of life of the app; a single call of the runtime, such as a load on the GPU, gives none.
        stuck: For it to say that it does something else, over and above its idle time before a repetition.
    """

    poll: float = 3.0
    silent: float = 180.0
    stuck: float = 1500.0


@dataclass(frozen=True)
class Ending:
    """How the app ended.

    Attributes:
        reason: What it said itself; None: it did not come to that.
        message: Why, in words.
        what: What it said last that it was doing.
        result_sha256: Of the result it left, where it said that nothing follows.
    """

    reason: Literal["complete", "error"] | None
    message: str
    what: str = ""
    result_sha256: str | None = None


def follow(
    phone: Phone,
    run_id: str,
    limits: Limits,
    pause: Callable[[float], None],
    progressed: Callable[[Progress], None],
    measured: Callable[[], None],
) -> Ending:
    """Stays until the app has ended, or gives no sign of life.

    Args:
        phone: Where it works.
        run_id: Of its job.
        limits: See :class:`Limits`.
        pause: Waits so many seconds.
        progressed: Told of every sign of life.
        measured: Called when there are more repetitions.
    """
    last = Progress(done=0, total=0, what="", alive=0)
    lived = moved = time.monotonic()
    while True:
        pause(limits.poll)
        progress, done = _look(phone, run_id)
        if done is not None:
            return Ending(done.reason, done.message, last.what, done.result_sha256)
        progress, now = progress or last, time.monotonic()
        before, last = last, progress
        if (progress.done, progress.what) != (before.done, before.what):
            moved = now
        if progress.done > before.done:
            measured()
        if progress.alive != before.alive:
            lived = now
            progressed(progress)
        elif _gone(phone, limits, pause):
            progress, done = _look(phone, run_id)  # it may have ended well since
            last = progress or last
            if done is not None:
                return Ending(done.reason, done.message, last.what, done.result_sha256)
            return Ending(None, f"the app crashed{during(last.what)}", last.what)
        if now - lived > limits.silent:
            return Ending(None, f"the app hung: no sign of life for {limits.silent:g} s{during(last.what)}", last.what)
        if now - moved > limits.stuck:
            return Ending(None, f"the app hung: nothing new for {limits.stuck:g} s{during(last.what)}", last.what)


def _look(phone: Phone, run_id: str) -> tuple[Progress | None, Done | None]:
    """What the app has written; one command for both files, as each costs the phone time."""
    text = phone.read_together(f"{run_id}/{PROGRESS_NAME}", f"{run_id}/{DONE_NAME}").decode(errors="replace")
    progress, done, decoder = None, None, json.JSONDecoder()
    try:
        while text := text.lstrip():
            document, end = decoder.raw_decode(text)
            if "reason" in document:  # an app that refuses its job leaves this file only
                done = Done.model_validate(document)
            else:
                progress = Progress.model_validate(document)
            text = text[end:]
    except (ValueError, TypeError, ValidationError):
        return None, None  # looked at again soon
    return progress, done


def _gone(phone: Phone, limits: Limits, pause: Callable[[float], None]) -> bool:
    """Whether the app has no process, asked twice: it may just be starting."""
    if phone.running():
        return False
    pause(limits.poll)
    return not phone.running()


def during(what: str) -> str:
    """The end of a sentence on the app: what it had said last that it was doing."""
    return f" ({what})" if what else " before it began"
