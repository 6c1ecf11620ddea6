"""Numbers as people read them."""

from __future__ import annotations

from collections.abc import Sequence

from mobile_robust.reporting.intervals import Interval


def bytes_text(size: int) -> str:
    """Decimal units, three digits: 478 kB, 14.2 MB."""
    return f"{_three_digits(size)}B".replace(" B", " bytes")


def count_text(count: float | None) -> str:
    """Three digits with a unit prefix: 356 M, 0.118 M is written 118 k; nothing for None."""
    return "" if count is None else _three_digits(round(count)).rstrip()


def count_of(count: int, what: str) -> str:
    """ "1 file", "3 files"."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def duration_text(seconds: float) -> str:
    """ "40 s", "12 min", "3.5 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"


def _three_digits(value: float) -> str:
    for prefix in ("", "k", "M", "G"):
        if value < 999.5 or prefix == "G":
            break
        value /= 1000
    digits = 0 if not prefix or value >= 99.95 else 1 if value >= 9.995 else 2
    return f"{value:.{digits}f} {prefix}"


def decimals(milliseconds: float) -> int:
    """Decimals that leave three digits of a latency: 0.0712, 0.712, 1.23, 45.6, 789, 1234."""
    return next((digits for bound, digits in ((0.1, 4), (1, 3), (10, 2), (100, 1)) if milliseconds < bound), 0)


def milliseconds(value: float) -> str:
    """Three digits, without the unit."""
    return f"{value:.{decimals(value)}f}"


def ratio(value: float | None) -> str:
    """Three decimals; nothing for None."""
    return "" if value is None else f"{value:.3f}"


def triple_text(values: Sequence[float]) -> str:
    """Values of red, green and blue; one where they are equal."""
    return f"{values[0]:.3g}" if len(set(values)) == 1 else " ".join(f"{x:.3g}" for x in values)


def plus_minus(interval: Interval, digits: int, scale: float = 1) -> str:
    """Half the width of an interval, " ± 0.3"; nothing where an end is missing."""
    if interval.low is None or interval.high is None:
        return ""
    return f" ± {scale * ((interval.high - interval.low) / 2):.{digits}f}"
