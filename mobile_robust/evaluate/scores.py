"""From single answers to scores: accuracy, its interval, and how much of the loss comes back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mobile_robust.evaluate.measure import UNREADABLE
from mobile_robust.evaluate.models import Model
from mobile_robust.evaluate.records import Records
from mobile_robust.evaluate.settings import CLEAN, CorruptionSetting, by_corruption
from mobile_robust.evaluate.statistics import Floats, interval, mcnemar, resampled_means

#: Of the clean accuracy: where a corruption takes less from the backbone alone, what comes back of it is noise.
LEAST_LOSS = 0.01

#: The corruption of the mean over all of them.
ALL = "all"


@dataclass(frozen=True)
class Score:
    """One model under one condition, or its mean over several. Fractions of ``photos``; intervals are at 95 %.

    Attributes:
        group: See Model.
        model: Its name.
        runtime: What executes it.
        corruption: "clean", a name of the registry, or "all".
        level: None for the mean over the levels of the corruption, and for clean photos.
        photos: How many were read.
        top1: Fraction of photos whose right class comes first (of the mean: mean of the levels, then of corruptions).
        top1_low: Lower end of its interval.
        top1_high: Upper end of its interval.
        top5: Fraction of photos whose right class is among the first five.
        gain: Top-1 less that of the backbone alone under the same condition; on clean photos what the module costs.
        gain_low: Lower end of its interval.
        gain_high: Upper end of its interval.
        regained: Loss regained, (with - direct) / (clean - direct), the backbone alone giving clean and direct; of a
            mean, from the means. None where the loss is below LEAST_LOSS, and for the backbone alone.
        regained_low: Lower end of its interval.
        regained_high: Upper end of its interval.
        regained_mean: Of a mean: the mean of the levels' own ``regained`` (mild levels count as much as strong ones).
        regained_mean_low: Lower end of its interval.
        regained_mean_high: Upper end of its interval.
        only_model: Photos that the model has right and the backbone alone has not (single conditions only).
        only_alone: Photos that the backbone alone has right and the model has not.
        mcnemar_p: That the two are equally good; McNemar's exact test, two-sided.
    """

    group: str
    model: str
    runtime: str
    corruption: str
    level: float | None
    photos: int
    top1: float
    top1_low: float
    top1_high: float
    top5: float
    gain: float | None = None
    gain_low: float | None = None
    gain_high: float | None = None
    regained: float | None = None
    regained_low: float | None = None
    regained_high: float | None = None
    regained_mean: float | None = None
    regained_mean_low: float | None = None
    regained_mean_high: float | None = None
    only_model: int | None = None
    only_alone: int | None = None
    mcnemar_p: float | None = None


@dataclass(frozen=True)
class _Row:
    """A condition, or a mean over some: ``weights`` are of all conditions and add up to 1."""

    corruption: str
    level: float | None
    weights: Floats


def score_all(models: Sequence[Model], conditions: Sequence[CorruptionSetting], records: Records) -> list[Score]:
    """Scores of all models under all conditions, then means over corruptions, model by model.

    Args:
        models: A backbone alone before those that are compared with it.
        conditions: Clean first.
        records: Answers to all of them.
    """
    places = np.stack([[records.places(model, condition) for condition in conditions] for model in models])
    places = places[:, :, places[0, 0] != UNREADABLE]  # (models, conditions, photos)
    right = places < 1
    rows = _rows(conditions)
    weights = np.stack([row.weights for row in rows])  # (rows, conditions)
    top1, top5 = right.mean(2) @ weights.T, (places < 5).mean(2) @ weights.T  # (models, rows)
    flat = resampled_means(right.reshape(-1, right.shape[2]))
    samples = flat.reshape(len(flat), *right.shape[:2]) @ weights.T  # (resamples, models, rows)
    alone = {model.fingerprint: index for index, model in enumerate(models)}
    scores = []
    for index, model in enumerate(models):
        base = alone[model.baseline]
        compared = index != base
        lows, highs = interval(samples[:, index])
        gains = _Compared(top1[index] - top1[base], samples[:, index] - samples[:, base])
        losses = _Compared(top1[base, 0] - top1[base], samples[:, base, :1] - samples[:, base])
        for r, row in enumerate(rows):
            extra: dict[str, float | int | None] = {}
            if compared:
                extra |= _named("gain", gains.point[r], gains.samples[:, r])
                extra |= _regained("regained", gains, losses, [r])
                if row.level is None and row.corruption != CLEAN.corruption:
                    parts = [i for i, part in enumerate(rows) if part.level is not None and row.weights[i] > 0]
                    extra |= _regained("regained_mean", gains, losses, parts)
                else:
                    extra |= _paired(right[index, r], right[base, r])
            scores.append(
                Score(
                    model.group,
                    model.name,
                    model.runtime,
                    row.corruption,
                    row.level,
                    right.shape[2],
                    float(top1[index, r]),
                    float(lows[r]),
                    float(highs[r]),
                    float(top5[index, r]),
                    **extra,  # type: ignore[arg-type]  # a dict has one type for all its values
                )
            )
    return scores


@dataclass(frozen=True)
class _Compared:
    """A difference of two accuracies by row: (rows,), and in every resample, (resamples, rows)."""

    point: Floats
    samples: Floats


def _rows(conditions: Sequence[CorruptionSetting]) -> list[_Row]:
    """Every condition, in their order, then the mean of every corruption, then that of all."""
    single = np.eye(len(conditions))
    rows = [_Row(c.corruption, c.level, w) for c, w in zip(conditions, single, strict=True)]
    means = []
    for corruption, members in by_corruption(conditions).items():
        means.append(_Row(corruption, None, single[[conditions.index(c) for c in members]].mean(0)))
    overall = [_Row(ALL, None, np.mean([mean.weights for mean in means], 0))] if means else []
    return rows + means + overall


def _regained(name: str, gains: _Compared, losses: _Compared, rows: Sequence[int]) -> dict[str, float | int | None]:
    """Mean over some rows, without those where too little is lost, of what comes back of the loss."""
    counted = [r for r in rows if losses.point[r] >= LEAST_LOSS]
    if not counted:
        return {}
    point = (gains.point[counted] / losses.point[counted]).mean()
    with np.errstate(divide="ignore", invalid="ignore"):  # a resample may lose nothing at all
        samples = (gains.samples[:, counted] / losses.samples[:, counted]).mean(1)
    return _named(name, point, samples)


def _named(name: str, point: float, samples: Floats) -> dict[str, float | int | None]:
    """A figure and its interval; an end that is not finite (of a ratio whose loss may be none) is None."""
    ends = [float(end) if np.isfinite(end) else None for end in interval(samples)]
    return {name: float(point), f"{name}_low": ends[0], f"{name}_high": ends[1]}


def _paired(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> dict[str, float | int | None]:
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    return {"only_model": only_first, "only_alone": only_second, "mcnemar_p": mcnemar(only_first, only_second)}
