"""What a phone has measured becomes part of the result this computer keeps: nothing there is lost by it."""

from __future__ import annotations

from pathlib import Path

from mobile_robust.bench.protocol import differences
from mobile_robust.bench.resume import refused
from mobile_robust.contracts.result import Device, ErrorRecord, Result, Run
from mobile_robust.errors import InputError


class MisfitError(InputError):
    """What a phone says belongs to another result."""


def merged(ours: Result, theirs: Result, path: Path) -> Result:
    """Our result with the phone's repetitions.

    Of load and first inference the first ones count, as nothing of the artifact was in the phone's caches then. A
    repetition that both have is taken from the phone: a later copy of the same job's result.

    Args:
        ours: With all runs asked for.
        theirs: Of one job: some of these runs, with some repetitions.
        path: Of ``ours``, for messages.

    Raises:
        MisfitError: The phone's is of another protocol, artifact or runtime than ours, or of another phone.
    """
    if wrong := differences(ours.protocol, theirs.protocol):
        raise MisfitError(f"{path}: the app measured by another protocol than asked for: {'; '.join(wrong)}")
    if any(run.load_ns for run in ours.runs) and (_same(ours), ours.app) != (_same(theirs), theirs.app):
        raise MisfitError(str(refused(path, "of another phone or version of the app")))
    runs = {run.key: run for run in ours.runs}
    for run in theirs.runs:
        if run.key not in runs or run.runtime != runs[run.key].runtime:
            asked = ", ".join(dict.fromkeys(f"{r.runtime.name} {r.runtime.version}" for r in ours.runs))
            found = f"{run.runtime.name} {run.runtime.version}"
            raise MisfitError(f"{path}: the app measured {run.artifact} on {found}; asked for: {asked}")
        runs[run.key] = _joined(runs[run.key], run)
    errors = tuple(dict.fromkeys((*ours.errors, *theirs.errors)))
    known = {"device": theirs.device, "app": theirs.app, "runs": tuple(runs.values()), "errors": errors}
    return ours.model_copy(update=known)


def with_error(result: Result, run: Run, record: ErrorRecord) -> Result:
    """A record in the place of numbers that will not come."""
    changed = run.model_copy(update={"errors": (*run.errors, record)})
    return result.model_copy(update={"runs": tuple(changed if r.key == run.key else r for r in result.runs)})


def _same(result: Result) -> Device:
    """What cannot change on one phone: a core that sleeps hides its frequency, an update may keep more memory."""
    return result.device.model_copy(update={"cpus": (), "memory_bytes": None})


def _joined(ours: Run, theirs: Run) -> Run:
    repetitions = {r.index: r for r in (*ours.repetitions, *theirs.repetitions)}
    first = ours if ours.load_ns else theirs
    return first.model_copy(
        update={
            "repetitions": tuple(repetitions[index] for index in sorted(repetitions)),
            "errors": tuple(dict.fromkeys((*ours.errors, *theirs.errors))),
        }
    )
