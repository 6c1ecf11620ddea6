"""Merges what a device has measured into the result that this computer keeps; nothing there is lost by it."""

from __future__ import annotations

from math import inf
from pathlib import Path

from mobile_robust.bench.protocol import differences
from mobile_robust.bench.resume import refused
from mobile_robust.contracts.job import DESCRIPTION, Job
from mobile_robust.contracts.result import Device, Result, Run
from mobile_robust.errors import InputError

#: What a device adds to a run, besides repetitions and errors.
_MEASURED = (
    *("actual", "load_ns", "first_inference_ns", "baseline_memory_bytes", "peak_memory_bytes"),
    *("inputs_sha256", "outputs_sha256", "outputs"),
)


class MismatchError(InputError):
    """A device's result belongs to another measurement."""


def merge(ours: Result, theirs: Result, path: Path, job: Job, seconds: float = inf) -> Result:
    """Our result with the device's repetitions.

    Of load and first inference the first ones count, as nothing of the artifact was in the device's caches then. A
    repetition that both have is taken from the device's: a later copy of the same job's result.

    Args:
        ours: With all runs asked for.
        theirs: Of one job: some of these runs, with some repetitions.
        path: Of ``ours``, for messages.
        job: What the device was asked for; what it says of an artifact beyond its measurements must be as in there.
        seconds: That have passed since it was asked; no samples can last longer.

    Raises:
        MismatchError: The device's is of another protocol, artifact or runtime than ours, or of another device; or it
            claims what was not asked for, or cannot be.
    """
    if wrong := differences(ours.protocol, theirs.protocol):
        raise MismatchError(f"{path}: the app measured by another protocol than asked for: {'; '.join(wrong)}")
    if theirs.app.platform != ours.app.platform:
        raise MismatchError(f"{path}: the app measured on {theirs.app.platform}; asked for: {ours.app.platform}")
    if any(run.load_ns for run in ours.runs) and (_same(ours), ours.app) != (_same(theirs), theirs.app):
        raise MismatchError(str(refused(path, "of another device or version of the app")))
    runs = {run.key: run for run in ours.runs}
    for run in theirs.runs:
        if run.key not in runs or run.runtime != runs[run.key].runtime:
            asked = ", ".join(dict.fromkeys(f"{r.runtime.name} {r.runtime.version}" for r in ours.runs))
            found = f"{run.runtime.name} {run.runtime.version}"
            raise MismatchError(f"{path}: the app measured {run.artifact} on {found}; asked for: {asked}")
        runs[run.key] = _merge_runs(runs[run.key], run)
    if claim := _wrong_claim(ours, theirs, job, seconds):
        raise MismatchError(f"{path}: {claim}; nothing of this answer of the app is kept")
    errors = tuple(dict.fromkeys((*ours.errors, *theirs.errors)))
    known = {"device": theirs.device, "app": theirs.app, "runs": tuple(runs.values()), "errors": errors}
    return ours.model_copy(update=known)


def _wrong_claim(ours: Result, theirs: Result, job: Job, seconds: float) -> str | None:
    """What a device cannot have measured, or was not asked for."""
    known, asked = {run.key: run for run in ours.runs}, {(m.sha256, m.requested): m for m in job.models}
    spent = 0
    for run in theirs.runs:
        where = f"the app's result of {known[run.key].artifact} on {run.runtime.name}"
        model = asked.get((run.sha256, run.requested))
        if model is None:
            return f"{where} was not asked for"
        for name in DESCRIPTION:
            if (claimed := getattr(run, name)) != (expected := getattr(known[run.key], name)):
                return f"{where} has the {name} {claimed!r}; asked for: {expected!r}"
        if not {repetition.index for repetition in run.repetitions} <= set(model.repetitions):
            return f"{where} has other repetitions than asked for"
        if run.inputs_sha256 not in (None, model.inputs_sha256):
            return f"{where} is of other inputs"
        if run.actual is not None and not 0 <= run.actual.placed_ops <= run.actual.total_ops == model.total_ops:
            return f"{where} has {run.actual.placed_ops} of {run.actual.total_ops} operations; has: {model.total_ops}"
        spent += (run.load_ns or 0) + (run.first_inference_ns or 0)
        spent += sum(sum(repetition.samples_ns) for repetition in run.repetitions)
    if spent > 1e9 * seconds:
        return f"the app's samples last {spent / 1e9:.4g} s, but it was started {seconds:.4g} s ago"
    return None


def _same(result: Result) -> Device:
    """What cannot change on one device: a core that sleeps hides its frequency, an update may keep more memory."""
    return result.device.model_copy(update={"cpus": (), "memory_bytes": None})


def _merge_runs(ours: Run, theirs: Run) -> Run:
    first = ours if ours.load_ns else theirs
    measured = {name: getattr(first, name) for name in _MEASURED}
    repetitions = {r.index: r for r in (*ours.repetitions, *theirs.repetitions)}
    errors = tuple(dict.fromkeys((*ours.errors, *theirs.errors)))
    return ours.model_copy(
        update=measured | {"repetitions": tuple(repetitions[i] for i in sorted(repetitions)), "errors": errors}
    )
