"""From raw samples to figures. All times are milliseconds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mobile_robust.contracts.result import Run
from mobile_robust.reporting.intervals import Floats, Interval, mean_interval, median_interval


@dataclass(frozen=True)
class Spread:
    """Mean, percentiles and standard deviation of samples."""

    mean: float
    p50: float
    p90: float
    p99: float
    deviation: float

    @classmethod
    def of(cls, samples: Floats) -> Spread:
        p50, p90, p99 = np.percentile(samples, (50, 90, 99))
        return cls(float(samples.mean()), float(p50), float(p90), float(p99), float(samples.std()))


@dataclass(frozen=True)
class Latency:
    """A run in figures: the mean of its repetitions' means over the test set, the spread of all samples together, and
    that of each repetition."""

    mean: Interval
    samples: Spread
    repetitions: tuple[Spread, ...]


def samples_ms(run: Run) -> list[Floats]:
    """Of each repetition, in their order."""
    return [np.array(repetition.samples_ns, np.float64) / 1e6 for repetition in run.repetitions]


def latency(run: Run) -> Latency | None:
    """None where nothing was measured."""
    samples = samples_ms(run)
    if not samples:
        return None
    means = np.array([each.mean() for each in samples])
    return Latency(mean_interval(means), Spread.of(np.concatenate(samples)), tuple(map(Spread.of, samples)))


def latency_ratio(run: Run, base: Run) -> Interval | None:
    """Mean over the repetitions that both runs have of the ratio in each; None where they have none in common.

    Both runs of a repetition are of the same minute where models are interleaved, so a machine that gets slower changes
    no ratio. Bootstrap over repetitions.
    """
    ours, theirs = ({r.index: float(np.mean(r.samples_ns)) for r in each.repetitions} for each in (run, base))
    ratios = np.array([ours[index] / theirs[index] for index in sorted(ours.keys() & theirs.keys())])
    return mean_interval(ratios) if ratios.size else None


def paired_ratio(run: Run, base: str) -> Interval | None:
    """Median over pairs of inferences of the ratio in each, to an artifact of the recipe ``base``, bootstrap over
    pairs; None where none was measured."""
    if run.pairs is None or run.pairs.base != base:
        return None
    ours, theirs = np.array(run.pairs.samples_ns, np.float64).T
    return median_interval(ours / theirs)


def drift(run: Run) -> float:
    """How far the slowest repetition's mean is above the fastest's, as a fraction of it."""
    means = [each.mean() for each in samples_ms(run)]
    return float(max(means) / min(means)) - 1 if means else 0.0
