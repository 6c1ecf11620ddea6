"""From the measures of single photos to means with intervals, and what the modules change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mobile_robust.evaluation.scores import setting_rows
from mobile_robust.evaluation.settings import CorruptionSetting
from mobile_robust.reporting.intervals import Floats, Interval, resampled_means
from mobile_robust.restoration.modules import RepairModule

#: Name of a measure -> its title, and the digits that are shown.
MEASURES = {
    "psnr": ("PSNR in dB, higher is better", 2),
    "ssim": ("SSIM, higher is better", 3),
    "feature_distance": ("feature distance, lower is better", 3),
}


@dataclass(frozen=True)
class Figure:
    """A measure's mean over photos: of the degraded and of the repaired ones, and the difference."""

    degraded: Interval
    repaired: Interval
    change: Interval


@dataclass(frozen=True)
class RestorationScore:
    """One module under one corruption setting, or its mean over several: ``level`` None, as on clean photos, whose
    degraded ones are the clean ones. ``figures`` by the names of :data:`MEASURES`."""

    module: RepairModule
    corruption: str
    level: float | None
    photos: int
    figures: Mapping[str, Figure]

    def record(self) -> dict[str, Any]:
        """Flat, as in restoration.json and restoration.csv."""
        flat: dict[str, Any] = {
            "module": self.module.name,
            "runtime": self.module.runtime,
            "corruption": self.corruption,
            "level": self.level,
            "photos": self.photos,
        }
        for name, figure in self.figures.items():
            for suffix, interval in (("_degraded", figure.degraded), ("", figure.repaired), ("_change", figure.change)):
                key = f"{name}{suffix}"
                flat |= {key: interval.value, f"{key}_low": interval.low, f"{key}_high": interval.high}
        return flat


@dataclass(frozen=True)
class Restoration:
    """A measurement.

    Attributes:
        modules: What was measured.
        settings: Clean first.
        scores: Of every module under every setting, then its means over each corruption and over all.
        facts: On what, and with what: the head of restoration.json.
        files: What was written.
    """

    modules: tuple[RepairModule, ...]
    settings: tuple[CorruptionSetting, ...]
    scores: tuple[RestorationScore, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[Path, ...] = ()

    @property
    def photos(self) -> int:
        """How many were read."""
        return self.scores[0].photos

    def of(self, module: RepairModule) -> dict[tuple[str, float | None], RestorationScore]:
        """(corruption, level) -> score of one module, in the order of the settings, then of the means."""
        return {(score.corruption, score.level): score for score in self.scores if score.module is module}


def score_all(
    modules: Sequence[RepairModule], settings: Sequence[CorruptionSetting], values: Floats
) -> list[RestorationScore]:
    """``values``: (measures, degraded and then every module, settings, photos)."""
    rows, photos = setting_rows(settings), values.shape[-1]
    weights = np.stack([row.weights for row in rows])  # (rows, settings)
    means = np.einsum("msjp,rj->msrp", values, weights)  # (measures, sources, rows, photos)
    flat = resampled_means(means.reshape(-1, photos))
    samples = flat.reshape(len(flat), *means.shape[:3])  # (resamples, measures, sources, rows)
    points = means.mean(-1)
    scores = []
    for source, module in enumerate(modules, start=1):
        for r, row in enumerate(rows):
            figures = {}
            for m, name in enumerate(MEASURES):
                (before, after), (one, other) = points[m, [0, source], r], samples[:, m, [0, source], r].T
                change = Interval.of(after - before, other - one)
                figures[name] = Figure(Interval.of(before, one), Interval.of(after, other), change)
            scores.append(RestorationScore(module, row.corruption, row.level, photos, figures))
    return scores
