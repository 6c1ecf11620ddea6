"""Top-1 and top-5 of models on clean and corrupted photos."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mobile_robust.corruptions import select
from mobile_robust.data.dataset import PhotoDataset, skipped_message
from mobile_robust.errors import InputError, unknown
from mobile_robust.evaluation.connection import check_cluster, connected, cpus
from mobile_robust.evaluation.settings import CLEAN, select_settings
from mobile_robust.reporting.intervals import LEAST_LOSS
from mobile_robust.runtimes import registry

if TYPE_CHECKING:
    from mobile_robust.evaluation.scores import Score, Scores

#: On fewer photos a good model may be right as seldom as one that guesses.
_LEAST_PHOTOS = 20


def evaluate(
    models: Sequence[str],
    photos: PhotoDataset,
    corruptions: Sequence[str] = ("jpeg",),
    *,
    seed: int = 0,
    backbone_weights: str | None = None,
    runtimes: Sequence[str] = (),
    alexnet_errors: Path | None = None,
    jobs: int | None = None,
    ray: str | None = None,
    out: Path | None = None,
    on_start: Callable[[int, float | None], None] = lambda predictions, seconds: None,
    on_progress: Callable[[str, int, int | None], None] = lambda what, done, total: None,
    on_warning: Callable[[str], None] = lambda sentence: None,
) -> Scores:
    """Scores models on clean and corrupted photos, each beside its baseline, the backbone without a module.

    Args:
        models: Folders of finished builds, artifacts in such folders, recipes (by name or .toml), or timm:NAME.
        photos: The photos, with labels; without any, what the backbone predicts for the clean photo counts as right.
        corruptions: Names, families or "imagenet_c", with or without ":LEVEL"; clean photos are always scored.
        seed: Of the corruptions.
        backbone_weights: Of recipes: a file, or timm:NAME.
        runtimes: What executes artifacts, such as "litert_gpu" or "snapdragon_npu:SM8750"; none: the first of a build's
            that can run here.
        alexnet_errors: CSV file ``corruption,error`` with AlexNet's errors in % on ImageNet-C, for the mCE.
        jobs: Processes of one thread each; None: one a CPU core.
        ray: HOST:PORT of a Ray cluster that this machine belongs to, or "auto": the CPUs of its nodes in place of
            ``jobs``, with the same scores. None: this machine alone.
        out: Folder that keeps every prediction, so that a stopped evaluation is resumed and only what is missing is
            measured; gets scores.json, scores.csv, table.md and accuracy.png. None: nothing is written.
        on_start: Called before the first prediction with how many are to be made, and about how many seconds they will
            take; None: not known.
        on_progress: Called with what is done now, how many predictions are there, and how many there will be; None: not
            known yet.
        on_warning: Called with sentences on untrained weights, unreadable photos and a damaged file of predictions.

    Raises:
        InputError: What a model cannot be, photos or labels that cannot be read, an unknown corruption, a cluster that
            cannot be reached, or a value that is not allowed; the message names the file or the option.
    """
    if out and out.exists() and not out.is_dir():
        raise InputError(f"--out {out}: is a file; give a folder")
    select(text for text in corruptions if text != CLEAN.name)
    for name in runtimes:
        if not registry.find(name).executes:
            raise unknown("runtime", name, registry.runtimes())

    if ray is not None:
        if jobs is not None:
            raise InputError(f"--jobs {jobs}: not with --ray, which uses the CPUs of the cluster")
        check_cluster(ray)

    # PyTorch: too slow for mistyped options
    from mobile_robust.evaluation import models as found
    from mobile_robust.evaluation.agreement import label_by_baseline
    from mobile_robust.evaluation.cluster import predict_on_cluster
    from mobile_robust.evaluation.estimate import expected_seconds
    from mobile_robust.evaluation.facts import facts_of
    from mobile_robust.evaluation.mce import mean_corruption_errors, read_errors
    from mobile_robust.evaluation.measure import Evaluator
    from mobile_robust.evaluation.output import write
    from mobile_robust.evaluation.records import Records
    from mobile_robust.evaluation.scores import Scores, score_all
    from mobile_robust.evaluation.workers import one_thread, predict_all

    on_progress("opening models", 0, None)
    resolved = found.resolve(models, backbone_weights, runtimes)
    notes = [(note, model.group) for model in resolved for note in (model.label, *model.warnings) if note]
    for note in dict.fromkeys(note for note, _ in notes):
        groups = dict.fromkeys(group for each, group in notes if each == note)
        on_warning(f"{', '.join(groups)}: {note}")
    settings = select_settings(corruptions, [model.size for model in resolved])
    if photos.labels is None:
        photos = label_by_baseline(resolved, photos, on_progress)
    for model in resolved:
        photos.check_classes(model.classes, f"{model.name} of {model.group}")
        if model.trained:
            model.trained.check_unseen(photos, model.group)
    alexnet = read_errors(alexnet_errors, settings) if alexnet_errors else {}

    on_progress("reading photos", 0, None)
    with connected(ray) if ray else nullcontext(), closing(Records(out, photos, seed)) as records:
        if records.notice:
            on_warning(records.notice)
        batches = list(records.missing(resolved, settings))
        total = len(photos) * len(resolved) * len(settings)
        done = total - sum(batch.count for batch in batches)
        evaluator, processes = Evaluator(resolved, photos, seed), max(1, min(jobs or _cores(), len(batches)))
        on_progress("starting", done, total)
        if done < total:
            with one_thread():
                on_start(total - done, None if ray else expected_seconds(evaluator, batches, processes))
            if processes > 1:
                evaluator.close()
        predicted = predict_on_cluster(evaluator, batches) if ray else predict_all(evaluator, batches, processes)
        for batch, predictions in predicted:
            records.add(batch, predictions, resolved)
            done += batch.count
            on_progress(f"{cpus() if ray else processes} at a time", done, total)

    if photos.left_out:
        on_warning(photos.left_out)
    unreadable = {photos.paths[index]: reason for index, reason in sorted(records.unreadable.items())}
    if skipped := skipped_message(unreadable, len(photos)):
        if len(unreadable) == len(photos):
            raise InputError(f"--images {photos.folder}: no image can be read; {skipped}")
        on_warning(skipped)
    measured = score_all(resolved, settings, records)
    for score in measured:
        if suspicious := _suspicious(score):
            on_warning(suspicious)
    errors = mean_corruption_errors(measured, alexnet) if alexnet else {}
    facts = {**facts_of(photos, unreadable, seed), "least_loss": LEAST_LOSS}
    scores = Scores(tuple(resolved), tuple(settings), tuple(measured), errors, facts)
    return replace(scores, files=write(scores, out)) if out else scores


def _suspicious(score: Score) -> str | None:
    """Of a baseline that guesses clean photos: its labels are hardly those of its classes."""
    from mobile_robust.evaluation.models import BASELINE

    model = score.model
    clean = model.name == BASELINE and score.corruption == CLEAN.name
    chance = 1 / model.classes
    by_chance = chance + 2 * math.sqrt(chance * (1 - chance) / max(score.photos, 1))  # two standard deviations
    if not clean or score.photos < _LEAST_PHOTOS or score.top1.value > by_chance:
        return None
    return (
        f"{model.group}: {score.top1.value:.1%} of the clean photos right is no better than chance among "
        f"{model.classes} classes: are the labels the network's, and is its input normalized as for its training?"
    )


def _cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1  # macOS has none
