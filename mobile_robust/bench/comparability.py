"""Warnings that limit the comparability of results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mobile_robust.bench.protocol import differences
from mobile_robust.bench.statistics import drift
from mobile_robust.contracts.result import Result, Run

#: Repetitions whose means lie farther apart than this tell of a machine that was busy or got hot.
_DRIFT = 0.15


def warnings(results: Sequence[tuple[Path, Result]]) -> list[str]:
    """Sentences: differing protocols, differing files of the same name, missing samples, errors, drift."""
    found = []
    first_path, first = results[0]
    for path, result in results[1:]:
        if wrong := _differences(first, result):
            found.append(f"{path} was measured by another protocol than {first_path}: {'; '.join(wrong)}")
    files: dict[str, tuple[Path, Run]] = {}
    for path, result in results:
        for run in result.runs:
            where, known = files.setdefault(run.artifact, (path, run))
            if known.sha256 != run.sha256:
                found.append(
                    f"{run.artifact} is not the same file: SHA-256 {known.sha256[:16]}… in {where}, "
                    f"{run.sha256[:16]}… in {path}"
                )
            elif None not in (known.inputs_sha256, run.inputs_sha256) and known.inputs_sha256 != run.inputs_sha256:
                found.append(f"{run.artifact} was given other inputs in {path} than in {where}")
    for path, result in results:
        found += [f"{path}: {error.where}: {error.message}" for error in result.errors]
        if not result.protocol.interleaved:
            found.append(f"{path}: models were measured one after the other, so its ratios are not free of drift")
        if not result.complete:
            found.append(f"{path} is not complete: it was stopped, or is still being measured")
        for run in result.runs:
            name = f"{path}: {run.artifact} on {run.runtime.name}"
            found += [f"{name}: {error.where}: {error.message}" for error in run.errors]
            if run.repetitions and len(run.repetitions) < result.protocol.repetitions:
                found.append(f"{name}: {len(run.repetitions)} of {result.protocol.repetitions} repetitions")
        found += _unsteady(path, result)
    return found


def _differences(first: Result, second: Result) -> list[str]:
    """What two protocols do not share; where one is of Core ML, which takes no number of threads, without these."""
    ours, theirs = first.protocol, second.protocol
    if any(run.runtime.name.startswith("coreml") for result in (first, second) for run in result.runs):
        theirs = theirs.model_copy(update={"threads": ours.threads})
    return differences(ours, theirs)


def _unsteady(path: Path, result: Result) -> list[str]:
    """One sentence on all runs whose repetitions lie far apart."""
    apart = {f"{run.artifact} on {run.runtime.name}": drift(run) for run in result.runs if drift(run) > _DRIFT}
    if not apart:
        return []
    worst = max(apart, key=lambda name: apart[name])
    return [
        f"{path}: the device was not steady: of {len(apart)} of {len(result.runs)} models the slowest repetition took "
        f"over {_DRIFT:.0%} longer than the fastest (at most {apart[worst]:.0%}, {worst}); rather trust the ratios"
    ]
