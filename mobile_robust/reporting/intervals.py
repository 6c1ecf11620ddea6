"""Bootstrap intervals: 95 %, percentile method, the same resamples on every call."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Bootstrap samples, and the seed they are drawn with.
RESAMPLES, SEED = 2000, 0

#: Of the accuracy: where the baseline loses less to a corruption, what is recovered of it is noise.
LEAST_LOSS = 0.01

#: Resamples whose counts are held in memory at once, times observations.
_COUNTS = 4_000_000


@dataclass(frozen=True)
class Interval:
    """An estimate and the ends of its 95 % interval; None: an end that cannot be given."""

    value: float
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, value: float, samples: Floats) -> Interval:
        """From bootstrap samples of the estimate; None where the percentile is not finite."""
        low, high = (float(end) if np.isfinite(end) else None for end in percentile_interval(samples))
        return cls(float(value), low, high)


def percentile_interval(samples: Floats) -> tuple[Floats, Floats]:
    """(low, high): percentiles 2.5 and 97.5 along the first axis; not finite where samples are not."""
    with np.errstate(invalid="ignore"):
        low, high = np.percentile(samples, (2.5, 97.5), axis=0)
    return low, high


def resampled_means(values: NDArray[np.bool_] | Floats) -> Floats:
    """Means over observations drawn with replacement: (rows, observations) -> (RESAMPLES, rows).

    The draw is the same for every row, so that differences stay paired, and on every call.
    """
    rows, observations = values.shape
    columns = np.ascontiguousarray(values.T, dtype=np.float32)
    means, random = np.empty((RESAMPLES, rows)), np.random.default_rng(SEED)
    blocks = min(RESAMPLES, ceil(RESAMPLES * observations / _COUNTS))
    for block in np.array_split(means, blocks):
        drawn = (random.integers(0, observations, observations) for _ in block)
        counts = np.stack([np.bincount(each, minlength=observations) for each in drawn]).astype(np.float32)
        block[:] = counts @ columns / observations
    return means


def recovered(gain: Floats, loss: Floats, gains: Floats, losses: Floats) -> Interval | None:
    """The part of the loss that is recovered, gain / loss, mean over rows: estimates (rows,) and their resamples
    (resamples, rows). Rows below LEAST_LOSS are left out; None: all are."""
    counted = loss >= LEAST_LOSS
    if not counted.any():
        return None
    with np.errstate(divide="ignore", invalid="ignore"):  # a resample may lose nothing at all
        samples = (gains[:, counted] / losses[:, counted]).mean(1)
    return Interval.of((gain[counted] / loss[counted]).mean(), samples)


def median_interval(values: Floats) -> Interval:
    """Median of some values, by resampling them; a single value has no interval."""
    if values.size < 2:
        return Interval(float(values[0]))
    random = np.random.default_rng(SEED)
    drawn = values[random.integers(0, values.size, (RESAMPLES, values.size))]
    return Interval.of(float(np.median(values)), np.median(drawn, axis=1))


def mean_interval(values: Floats) -> Interval:
    """Mean of some values, by resampling them; a single value has no interval."""
    mean = float(values.mean())
    if values.size < 2:
        return Interval(mean)
    # Resampling is in single precision: relative to the mean, nothing that counts is lost.
    low, high = percentile_interval(resampled_means(values[None] / values.mean())[:, 0])
    return Interval(mean, float(low * values.mean()), float(high * values.mean()))
