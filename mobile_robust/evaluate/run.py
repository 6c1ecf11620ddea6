"""Top-1 and top-5 of models on clean and corrupted photos."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mobile_robust.corruptions import select
from mobile_robust.data.dataset import Photos, read_photos
from mobile_robust.data.images import find_images
from mobile_robust.data.labels import label_images
from mobile_robust.data.split import hold_out
from mobile_robust.errors import InputError
from mobile_robust.evaluate.settings import CLEAN, Condition, select_conditions

if TYPE_CHECKING:
    from mobile_robust.evaluate.models import Model
    from mobile_robust.evaluate.records import Records
    from mobile_robust.evaluate.scores import Scores

#: Called with what is done now, how many predictions are there, and how many there will be; None: not known yet.
OnProgress = Callable[[str, int, int | None], None]


def evaluate(
    models: Sequence[str],
    images: Path,
    labels: str = "names",
    corruptions: Sequence[str] = ("jpeg",),
    *,
    holdout: float | None = None,
    holdout_seed: int = 0,
    seed: int = 0,
    backbone_weights: str | None = None,
    runtimes: Sequence[str] = (),
    alexnet_errors: Path | None = None,
    jobs: int | None = None,
    out: Path | None = None,
    on_progress: OnProgress = lambda what, done, total: None,
    on_warning: Callable[[str], None] = lambda sentence: None,
) -> Scores:
    """Scores models on clean and corrupted photos, each beside its baseline, the backbone without a module.

    Args:
        models: Folders of finished builds, artifacts in such folders, recipes (by name or .toml), or timm:NAME.
        images: Folder of photos.
        labels: "names": the file name is the class index; "folders": sub-folders are the classes in alphabetical order;
            or a CSV file with the header ``file,label``.
        corruptions: Names, families or "imagenet_c", with or without ":LEVEL"; clean photos are always scored.
        holdout: Only this fraction of the photos, (0, 1]: the last in the order of a permutation; None: all.
        holdout_seed: Of that permutation.
        seed: Of the corruptions.
        backbone_weights: Of recipes: a file, or timm:NAME.
        runtimes: What executes artifacts: "litert_cpu", "litert_gpu", "coreml_device", "coreml_mil"; none: the first
            that can run here.
        alexnet_errors: CSV file ``corruption,error`` with AlexNet's errors in % on ImageNet-C, for the mCE.
        jobs: Processes of one thread each; None: one a CPU core.
        out: Folder that keeps every prediction, so that a stopped evaluation is resumed and only what is missing is
            measured; gets scores.json, scores.csv, table.md and accuracy.png. None: nothing is written.
        on_progress: See :data:`OnProgress`.
        on_warning: Called with sentences on untrained weights, unreadable photos and a damaged file of predictions.

    Raises:
        InputError: What a model cannot be, photos or labels that cannot be read, an unknown corruption, or a value that
            is not allowed; the message names the file or the option.
    """
    _check(seed, jobs, out)
    paths = find_images(images)
    classes = label_images(paths, images, labels)
    if holdout is not None:
        paths = hold_out(paths, holdout, holdout_seed)
        if not paths:
            raise InputError(f"--holdout {holdout:g}: of {len(classes)} images that leaves none")
    select(text for text in corruptions if text != CLEAN.name)

    from mobile_robust.evaluate import models as found  # PyTorch: too slow for mistyped options
    from mobile_robust.evaluate.mce import mean_corruption_errors, read_errors
    from mobile_robust.evaluate.output import write
    from mobile_robust.evaluate.scores import Scores, score_all

    on_progress("opening models", 0, None)
    resolved = found.resolve(models, backbone_weights, runtimes)
    for label in dict.fromkeys(model.label for model in resolved if model.label):
        groups = dict.fromkeys(model.group for model in resolved if model.label == label)
        on_warning(f"{', '.join(groups)}: {label}")
    settings = select_conditions(corruptions, [model.size for model in resolved])
    _check_classes(resolved, paths, classes)
    alexnet = read_errors(alexnet_errors, settings) if alexnet_errors else {}
    on_progress("reading photos", 0, None)
    photos = read_photos(paths, classes)
    records = _predict(resolved, photos, settings, seed, jobs, out, on_progress, on_warning)
    skipped = _skipped(photos, records.unreadable)
    if skipped and len(records.unreadable) == len(photos):
        raise InputError(f"--images {images}: no image can be read; {skipped}")
    if skipped:
        on_warning(skipped)
    measured_on = {
        "used": len(photos) - len(records.unreadable),
        "sha256": photos.digest,
        "labels": labels if labels in ("names", "folders") else Path(labels).name,
        "holdout": holdout,
        "holdout_seed": None if holdout is None else holdout_seed,
        "skipped": [
            {"file": photos.paths[index].relative_to(images).as_posix(), "reason": reason}
            for index, reason in sorted(records.unreadable.items())
        ],
    }
    measured = score_all(resolved, settings, records)
    errors = mean_corruption_errors(measured, alexnet) if alexnet else {}
    scores = Scores(tuple(resolved), tuple(settings), tuple(measured), errors, _facts(seed, measured_on))
    return replace(scores, files=write(scores, out)) if out else scores


def _check(seed: int, jobs: int | None, out: Path | None) -> None:
    for name, value, least in (("seed", seed, 0), ("jobs", jobs, 1)):
        if value is not None and value < least:
            raise InputError(f"--{name} {value}: must be {least} or more")
    if out and out.exists() and not out.is_dir():
        raise InputError(f"--out {out}: is a file; give a folder")


def _check_classes(models: Sequence[Model], paths: Sequence[Path], labels: dict[Path, int]) -> None:
    last = max(paths, key=lambda path: labels[path])
    for model in models:
        if labels[last] >= model.classes:
            raise InputError(
                f"--labels: {last} has label {labels[last]}, but {model.name} of {model.group} "
                f"knows the classes 0 to {model.classes - 1}"
            )


def _predict(
    models: Sequence[Model],
    photos: Photos,
    settings: Sequence[Condition],
    seed: int,
    jobs: int | None,
    out: Path | None,
    on_progress: OnProgress,
    on_warning: Callable[[str], None],
) -> Records:
    """Makes every prediction that is not there yet."""
    from mobile_robust.evaluate.measure import Measure
    from mobile_robust.evaluate.records import Records
    from mobile_robust.evaluate.workers import answer_all

    records = Records(out, photos, seed)
    if records.notice:
        on_warning(records.notice)
    tasks = list(records.missing(models, settings))
    total = len(photos) * len(models) * len(settings)
    done = total - sum(task.answers for task in tasks)
    processes = max(1, min(jobs or _cores(), len(tasks)))
    what = f"{processes} at a time"
    try:
        on_progress(what, done, total)
        for task, predictions in answer_all(Measure(models, photos, seed), tasks, processes):
            records.add(task, predictions, models)
            done += task.answers
            on_progress(what, done, total)
    finally:
        records.close()
    return records


def _cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1  # macOS has none


def _skipped(photos: Photos, reasons: dict[int, str]) -> str | None:
    """One line that names the first three unreadable photos and counts them all."""
    named = "; ".join(f"{photos.paths[index]}: {reasons[index]}" for index in sorted(reasons)[:3])
    more = f"; and {len(reasons) - 3} more" if len(reasons) > 3 else ""
    return f"skipped {len(reasons)} of {len(photos)} images: {named}{more}" if reasons else None


def _facts(seed: int, photos: dict[str, Any]) -> dict[str, Any]:
    """What the scores were measured on, and with what."""
    from mobile_robust.convert.fingerprint import tool_versions
    from mobile_robust.evaluate.scores import LEAST_LOSS
    from mobile_robust.reporting.intervals import RESAMPLES, SEED

    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "tools": {**tool_versions(), "pillow": version("pillow")},
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "seed": seed,
        "photos": photos,
        "intervals": f"bootstrap over photos, 95 %, {RESAMPLES} resamples, seed {SEED}",
        "least_loss": LEAST_LOSS,
    }
