"""Merges what a device has measured into the result that this computer keeps; nothing there is lost by it."""

from __future__ import annotations

from pathlib import Path

from mobile_robust.bench.protocol import differences
from mobile_robust.bench.resume import refused
from mobile_robust.contracts.result import Device, Result, Run
from mobile_robust.errors import InputError


class MismatchError(InputError):
    """A device's result belongs to another measurement."""


def merge(ours: Result, theirs: Result, path: Path) -> Result:
    """Our result with the device's repetitions.

    Of load and first inference the first ones count, as nothing of the artifact was in the device's caches then. A
    repetition that both have is taken from the device's: a later copy of the same job's result.

    Args:
        ours: With all runs asked for.
        theirs: Of one job: some of these runs, with some repetitions.
        path: Of ``ours``, for messages.

    Raises:
        MismatchError: The device's is of another protocol, artifact or runtime than ours, or of another device.
    """
    if wrong := differences(ours.protocol, theirs.protocol):
        raise MismatchError(f"{path}: the app measured by another protocol than asked for: {'; '.join(wrong)}")
    if any(run.load_ns for run in ours.runs) and (_same(ours), ours.app) != (_same(theirs), theirs.app):
        raise MismatchError(str(refused(path, "of another device or version of the app")))
    runs = {run.key: run for run in ours.runs}
    for run in theirs.runs:
        if run.key not in runs or run.runtime != runs[run.key].runtime:
            asked = ", ".join(dict.fromkeys(f"{r.runtime.name} {r.runtime.version}" for r in ours.runs))
            found = f"{run.runtime.name} {run.runtime.version}"
            raise MismatchError(f"{path}: the app measured {run.artifact} on {found}; asked for: {asked}")
        runs[run.key] = _merge_runs(runs[run.key], run)
    errors = tuple(dict.fromkeys((*ours.errors, *theirs.errors)))
    known = {"device": theirs.device, "app": theirs.app, "runs": tuple(runs.values()), "errors": errors}
    return ours.model_copy(update=known)


def _same(result: Result) -> Device:
    """What cannot change on one device: a core that sleeps hides its frequency, an update may keep more memory."""
    return result.device.model_copy(update={"cpus": (), "memory_bytes": None})


def _merge_runs(ours: Run, theirs: Run) -> Run:
    first = ours if ours.load_ns else theirs
    repetitions = {r.index: r for r in (*ours.repetitions, *theirs.repetitions)}
    errors = tuple(dict.fromkeys((*ours.errors, *theirs.errors)))
    return first.model_copy(
        update={"repetitions": tuple(repetitions[i] for i in sorted(repetitions)), "errors": errors}
    )
