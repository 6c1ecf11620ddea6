"""How much a fraction says that was counted on a few photos."""

from __future__ import annotations

from math import sqrt

#: Quantile of the normal distribution: 2.5 % lie beyond it, so that the interval is one of 95 %.
_Z = 1.959964


def wilson(fraction: float, count: int) -> tuple[float, float]:
    """The ends of the 95 % interval of a fraction that was counted on ``count`` independent photos, both in [0, 1].

    Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927).
    """
    square = _Z**2 / count
    middle = (fraction + square / 2) / (1 + square)
    half = _Z * sqrt(fraction * (1 - fraction) / count + square / (4 * count)) / (1 + square)
    return max(0.0, middle - half), min(1.0, middle + half)
