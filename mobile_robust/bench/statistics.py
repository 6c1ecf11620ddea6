"""From raw samples to figures. All times are milliseconds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mobile_robust.contracts.result import Run
from mobile_robust.evaluate.statistics import Floats, interval, resampled_means

#: What is told of the samples' distribution.
PERCENTILES = (50, 90, 99)


@dataclass(frozen=True)
class Spread:
    """Samples in figures.

    Attributes:
        mean: Their mean.
        p50: Half of them are below; ``p90`` and ``p99`` alike.
        p90: See ``p50``.
        p99: See ``p50``.
        deviation: Their standard deviation.
    """

    mean: float
    p50: float
    p90: float
    p99: float
    deviation: float


@dataclass(frozen=True)
class Latency:
    """A run in figures.

    Attributes:
        mean: Mean over the test set, repeated, mean of the means.
        low: Lower end of its 95 % interval, bootstrap over repetitions; None of a single repetition.
        high: Upper end.
        samples: Of all repetitions together.
        repetitions: Of each, in their order.
    """

    mean: float
    low: float | None
    high: float | None
    samples: Spread
    repetitions: tuple[Spread, ...]


@dataclass(frozen=True)
class Ratio:
    """A run's latency in parts of another's: mean over the repetitions that both have of the ratio in each.

    Both runs of a repetition are of the same minute where models are interleaved, so a machine that gets slower changes
    no ratio. Ends of the 95 % interval, bootstrap over repetitions, are None of a single repetition.
    """

    mean: float
    low: float | None
    high: float | None


def latency(run: Run) -> Latency | None:
    """None where nothing was measured."""
    if not run.repetitions:
        return None
    repetitions = [_milliseconds(repetition.samples_ns) for repetition in run.repetitions]
    means = np.array([samples.mean() for samples in repetitions])
    low, high = _interval(means)
    pooled = _spread(np.concatenate(repetitions))
    return Latency(float(means.mean()), low, high, pooled, tuple(map(_spread, repetitions)))


def ratio(run: Run, base: Run) -> Ratio | None:
    """None where the two have no repetition in common."""
    ours, theirs = ({r.index: float(np.mean(r.samples_ns)) for r in each.repetitions} for each in (run, base))
    ratios = np.array([ours[index] / theirs[index] for index in sorted(ours.keys() & theirs.keys())])
    if not ratios.size:
        return None
    low, high = _interval(ratios)
    return Ratio(float(ratios.mean()), low, high)


def drift(run: Run) -> float:
    """How far the slowest repetition's mean is above the fastest's, as a fraction of it."""
    means = [float(np.mean(repetition.samples_ns)) for repetition in run.repetitions]
    return max(means) / min(means) - 1 if means else 0.0


def _interval(values: Floats) -> tuple[float | None, float | None]:
    """Of the mean of some values, by resampling them."""
    if values.size < 2:
        return None, None
    # The resampling is in single precision: relative to the mean, nothing that counts is lost.
    low, high = interval(resampled_means(values[None] / values.mean())[:, 0])
    return float(low * values.mean()), float(high * values.mean())


def _spread(samples: Floats) -> Spread:
    p50, p90, p99 = np.percentile(samples, PERCENTILES)
    return Spread(float(samples.mean()), float(p50), float(p90), float(p99), float(samples.std()))


def _milliseconds(samples: tuple[int, ...]) -> Floats:
    return np.array(samples, dtype=np.float64) / 1e6
