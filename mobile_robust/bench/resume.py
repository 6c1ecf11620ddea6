"""Results that grow: a run before anything is measured, and the resumption of an earlier result."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Literal

from mobile_robust.bench.models import Model
from mobile_robust.bench.protocol import differences
from mobile_robust.contracts.job import DESCRIPTION
from mobile_robust.contracts.result import Result, Run, RuntimeVersion
from mobile_robust.errors import InputError

Key = tuple[str, str, str]


def key(model: Model) -> Key:
    """That of the model's run in a result."""
    return model.artifact.sha256, model.runtime, model.accelerator


def new_run(model: Model, version: str, arithmetic: Literal["fp32", "fp16"] | None) -> Run:
    """The model's run, still without samples; ``version`` is that of its runtime."""
    recipe, artifact = model.manifest.recipe, model.artifact
    return Run.model_validate(
        {
            "name": recipe.name,
            "title": recipe.title,
            "label": model.manifest.provenance.label,
            "artifact": artifact.file,
            "sha256": artifact.sha256,
            "precision": artifact.precision,
            "macs": artifact.macs,
            "parameters": artifact.parameters,
            "runtime": RuntimeVersion(name=model.runtime, version=version),
            "requested": model.accelerator,
            "arithmetic": arithmetic,
        }
    )


def missing(run: Run, repetitions: int) -> list[int]:
    """Indices of the repetitions that are still to be measured."""
    there = {repetition.index for repetition in run.repetitions}
    return [index for index in range(repetitions) if index not in there]


def resume(old: Result, fresh: Result, path: Path) -> Result:
    """The earlier result ``old`` (at ``path``) to be completed as ``fresh``, which has no samples, asks: without its
    errors, whose runs are tried again.

    Raises:
        InputError: It is of another protocol, of other artifacts or of another version of a runtime.
    """
    if wrong := differences(old.protocol, fresh.protocol):
        raise refused(path, f"of another protocol ({'; '.join(wrong)})")
    known, asked = {run.key: run for run in old.runs}, {run.key: run for run in fresh.runs}
    if gone := [run for run in old.runs if run.key not in asked]:
        changed = [run.artifact for run in gone if run.artifact in {r.artifact for r in fresh.runs}]
        what = f"an older {changed[0]}, built anew since" if changed else f"{gone[0].artifact}, not asked for now"
        raise refused(path, f"of {what}")
    if added := [run for run in fresh.runs if run.key not in known]:
        raise refused(path, f"without {added[0].artifact} on {added[0].runtime.name}")
    for run in old.runs:
        if run.runtime != asked[run.key].runtime:
            raise refused(path, f"of {run.runtime.name} {run.runtime.version}")
    # What is said of an artifact is what its manifest says, whatever somebody has made of the result meanwhile.
    said = [{name: getattr(run, name) for name in DESCRIPTION} for run in fresh.runs]
    runs = tuple(
        known[run.key].model_copy(update={**text, "errors": ()}) for run, text in zip(fresh.runs, said, strict=True)
    )
    return old.model_copy(update={"runs": runs, "errors": (), "complete": False})


def refused(path: Path, what: str) -> InputError:
    """The error of a result that cannot be resumed."""
    return InputError(f"{path}: holds a result {what}; choose another --out, or delete it to measure anew")


def now() -> str:
    """UTC, ISO 8601."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
