"""What can be concluded from a sample of photos: bootstrap intervals and McNemar's test."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Bootstrap samples, and the seed they are drawn with.
RESAMPLES, SEED = 2000, 0

#: Resamples whose counts are held in memory at once, times photos.
_COUNTS = 4_000_000


def resampled_means(values: NDArray[np.bool_] | Floats) -> Floats:
    """Means over photos drawn anew with replacement, the same photos for every row: differences stay paired.

    Args:
        values: (rows, photos).

    Returns:
        (RESAMPLES, rows); the same on every call.
    """
    rows, photos = values.shape
    columns = np.ascontiguousarray(values.T, dtype=np.float32)
    means = np.empty((RESAMPLES, rows))
    done = 0
    for counts in _counts(photos):
        means[done : done + len(counts)] = counts @ columns / photos
        done += len(counts)
    return means


def _counts(photos: int) -> Iterator[NDArray[np.float32]]:
    """How often every photo is drawn: (some resamples, photos), RESAMPLES in all."""
    random = np.random.default_rng(SEED)
    block = max(1, _COUNTS // photos)
    for start in range(0, RESAMPLES, block):
        size = min(block, RESAMPLES - start)
        yield np.stack([np.bincount(random.integers(0, photos, photos), minlength=photos) for _ in range(size)]).astype(
            np.float32
        )


def interval(samples: Floats) -> tuple[Floats, Floats]:
    """(lower, upper) end of the 95 % percentile interval along the first axis; not finite where samples are not."""
    with np.errstate(invalid="ignore"):
        low, high = np.percentile(samples, (2.5, 97.5), axis=0)
    return low, high


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided p-value of McNemar's exact test (McNemar 1947; binomial form).

    Args:
        only_first: Photos that only the first of two models has right.
        only_second: Photos that only the second has right.

    Returns:
        How likely a difference at least as large is between equally good models; 1 where there is none.
    """
    flips = only_first + only_second
    term = total = 1  # binomial coefficients as whole numbers: exact for any number of photos
    for k in range(min(only_first, only_second)):
        term = term * (flips - k) // (k + 1)
        total += term
    return min(1.0, 2 * total / 2**flips)
