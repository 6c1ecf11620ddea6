"""From single predictions to scores: accuracy, its interval, and how much of the loss is recovered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mobile_robust.evaluation.mcnemar import McNemar
from mobile_robust.evaluation.measure import UNREADABLE
from mobile_robust.evaluation.models import Model
from mobile_robust.evaluation.records import Records
from mobile_robust.evaluation.settings import CLEAN, CorruptionSetting, by_corruption
from mobile_robust.reporting.intervals import Floats, Interval, recovered, resampled_means

#: The corruption of the mean over all of them.
ALL = "all"


@dataclass(frozen=True)
class Score:
    """One model under one corruption setting, or its mean over several. Fractions of ``photos``.

    Attributes:
        corruption: "clean", a name of the registry, or "all".
        level: None for the mean over the levels of the corruption, and for clean photos.
        photos: How many were read.
        top1: How often the true class comes first (of the mean: mean of the levels, then of corruptions).
        top5: How often it is among the first five.
        gain: Top-1 less the baseline's under the same setting; on clean photos what the module costs.
        recovered: Loss recovered, (with - direct) / (clean - direct), the baseline giving clean and direct; of a mean,
            from the means. None where the loss is below LEAST_LOSS, and for the baseline.
        recovered_mean: Of a mean: the mean of the levels' own ``recovered`` (mild levels count as much as strong ones).
        mcnemar: Whether model and baseline differ (single settings only).
    """

    model: Model
    corruption: str
    level: float | None
    photos: int
    top1: Interval
    top5: float
    gain: Interval | None = None
    recovered: Interval | None = None
    recovered_mean: Interval | None = None
    mcnemar: McNemar | None = None

    def record(self) -> dict[str, Any]:
        """Flat, as in scores.json and scores.csv."""
        test = self.mcnemar
        return {
            "group": self.model.group,
            "model": self.model.name,
            "runtime": self.model.runtime,
            "corruption": self.corruption,
            "level": self.level,
            "photos": self.photos,
            **_flat("top1", self.top1),
            "top5": self.top5,
            **_flat("gain", self.gain),
            **_flat("regained", self.recovered),
            **_flat("regained_mean", self.recovered_mean),
            "only_model": test.only_model if test else None,
            "only_alone": test.only_baseline if test else None,
            "mcnemar_p": test.p if test else None,
        }


def _flat(name: str, interval: Interval | None) -> dict[str, float | None]:
    value, low, high = (interval.value, interval.low, interval.high) if interval else (None, None, None)
    return {name: value, f"{name}_low": low, f"{name}_high": high}


@dataclass(frozen=True)
class Scores:
    """An evaluation.

    Attributes:
        models: What was evaluated, the baselines included.
        settings: Clean first.
        scores: Of every model under every setting, then its means over each corruption and over all.
        mce: Mean corruption errors in %, where AlexNet's errors were given.
        facts: What the scores were measured on, and with what: the head of scores.json.
        files: What was written.
    """

    models: tuple[Model, ...]
    settings: tuple[CorruptionSetting, ...]
    scores: tuple[Score, ...]
    mce: Mapping[Model, float] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[Path, ...] = ()

    @property
    def photos(self) -> int:
        """How many were read."""
        return self.scores[0].photos

    def of(self, model: Model) -> dict[tuple[str, float | None], Score]:
        """(corruption, level) -> score of one model."""
        return {(score.corruption, score.level): score for score in self.scores if score.model == model}


@dataclass(frozen=True)
class Row:
    """A corruption setting, or a mean over some: ``weights`` are of all settings and add up to 1."""

    corruption: str
    level: float | None
    weights: Floats


@dataclass(frozen=True)
class _Difference:
    """Of two accuracies by row: (rows,), and in every resample, (resamples, rows)."""

    point: Floats
    samples: Floats


def score_all(models: Sequence[Model], settings: Sequence[CorruptionSetting], records: Records) -> list[Score]:
    """Scores of all models under all settings (clean first), then means over corruptions, model by model."""
    ranks = np.stack([[records.ranks(model, setting) for setting in settings] for model in models])
    ranks = ranks[:, :, ranks[0, 0] != UNREADABLE]  # (models, settings, photos)
    right = ranks < 1
    rows = setting_rows(settings)
    weights = np.stack([row.weights for row in rows])  # (rows, settings)
    top1, top5 = right.mean(2) @ weights.T, (ranks < 5).mean(2) @ weights.T  # (models, rows)
    flat = resampled_means(right.reshape(-1, right.shape[2]))
    samples = flat.reshape(len(flat), *right.shape[:2]) @ weights.T  # (resamples, models, rows)
    baselines = {model.fingerprint: index for index, model in enumerate(models)}
    scores = []
    for index, model in enumerate(models):
        base = baselines[model.baseline]
        gains = _Difference(top1[index] - top1[base], samples[:, index] - samples[:, base])
        losses = _Difference(top1[base, 0] - top1[base], samples[:, base, :1] - samples[:, base])
        for r, row in enumerate(rows):
            compared: dict[str, Any] = {}
            if index != base:
                compared["gain"] = Interval.of(gains.point[r], gains.samples[:, r])
                compared["recovered"] = _recovered(gains, losses, [r])
                if row.level is None and row.corruption != CLEAN.corruption:
                    members = [i for i, other in enumerate(rows) if other.level is not None and row.weights[i] > 0]
                    compared["recovered_mean"] = _recovered(gains, losses, members)
                else:
                    compared["mcnemar"] = McNemar.of(right[index, r], right[base, r])
            accuracy = Interval.of(top1[index, r], samples[:, index, r])
            photos, among_five = right.shape[2], float(top5[index, r])
            scores.append(Score(model, row.corruption, row.level, photos, accuracy, among_five, **compared))
    return scores


def setting_rows(settings: Sequence[CorruptionSetting]) -> list[Row]:
    """Every setting, in their order, then the mean of every corruption, then that of all."""
    single = np.eye(len(settings))
    rows = [Row(s.corruption, s.level, w) for s, w in zip(settings, single, strict=True)]
    groups = by_corruption(settings).items()
    means = [Row(name, None, single[[settings.index(s) for s in members]].mean(0)) for name, members in groups]
    overall = [Row(ALL, None, np.mean([mean.weights for mean in means], 0))] if means else []
    return rows + means + overall


def _recovered(gains: _Difference, losses: _Difference, rows: Sequence[int]) -> Interval | None:
    """Mean over some rows, without those where too little is lost, of the loss recovered."""
    rows = list(rows)
    return recovered(gains.point[rows], losses.point[rows], gains.samples[:, rows], losses.samples[:, rows])
