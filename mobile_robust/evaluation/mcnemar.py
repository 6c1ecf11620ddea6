"""McNemar's exact test (McNemar 1947; binomial form)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class McNemar:
    """A model against its baseline on the same photos: how many only one of them classifies right, and the p-value."""

    only_model: int
    only_baseline: int
    p: float

    @classmethod
    def of(cls, model: NDArray[np.bool_], baseline: NDArray[np.bool_]) -> McNemar:
        """From which photos each of them classifies right: (photos,)."""
        only_model, only_baseline = int((model & ~baseline).sum()), int((baseline & ~model).sum())
        return cls(only_model, only_baseline, p_value(only_model, only_baseline))


def p_value(only_first: int, only_second: int) -> float:
    """Two-sided: how likely a difference at least as large is between equally good models; 1 where there is none."""
    flips = only_first + only_second
    term = total = 1  # binomial coefficients as whole numbers: exact for any number of photos
    for k in range(min(only_first, only_second)):
        term = term * (flips - k) // (k + 1)
        total += term
    return min(1.0, 2 * total / 2**flips)
