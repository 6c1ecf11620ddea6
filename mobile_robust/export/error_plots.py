"""The parity plots of report.html."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator
from numpy.typing import NDArray

from mobile_robust.contracts.manifest import Manifest
from mobile_robust.parity.table import worst
from mobile_robust.reporting.html import Html
from mobile_robust.reporting.svg import FAIL, INK, LINE, PASS, as_svg, log_axis, row_axes, themed


@dataclass(frozen=True)
class Row:
    """One artifact on one runtime. Errors are fractions of the reference's range; ``snr_db`` None: exact."""

    file: str
    runtime: str
    label: str
    failed: bool
    max_error: float
    error_bound: float | None
    snr_db: float | None
    snr_bound: float | None
    top1: float | None
    top1_bound: float | None

    @property
    def colour(self) -> str:
        return FAIL if self.failed else PASS


def rows(manifest: Manifest) -> list[Row]:
    """Every comparison of a build, in the order of its artifacts."""
    found = []
    for artifact in manifest.artifacts:
        for result in artifact.parity:
            if (measured := worst(result)) is None:
                continue
            bounds = result.tolerance
            found.append(
                Row(
                    artifact.file,
                    result.runtime,
                    f"{artifact.precision} · {result.runtime}",
                    result.verdict == "fail",
                    measured.max_error,
                    bounds.max_error if bounds else None,
                    measured.snr_db,
                    bounds.snr_db if bounds else None,
                    measured.top1_agreement,
                    bounds.top1_agreement if bounds else None,
                )
            )
    return found


@themed()
def error_plot(comparisons: Sequence[Row]) -> Html:
    """Maximum error on a log axis: a dot per row on the band that its tolerance allows."""
    figure, axes = row_axes([row.label for row in comparisons])
    values = [v for row in comparisons for v in (row.max_error, row.error_bound) if v]
    least = min(values, default=1e-6) / 5
    for y, row in enumerate(comparisons):
        if row.error_bound is not None:
            _band(axes, y, least, row.error_bound, bound=row.error_bound)
        _dot(axes, y, max(row.max_error, least), row)
    _error_axis(axes, least, max(values, default=1e-6) * 3)
    axes.set_xlabel("maximum error, fraction of the reference's range")
    return as_svg(figure, "error", "Maximum error of every artifact on every runtime against its tolerance")


@themed()
def snr_plot(comparisons: Sequence[Row]) -> Html:
    """Signal-to-noise ratio: a bar per row, a mark where the tolerance asks for one."""
    figure, axes = row_axes([row.label for row in comparisons])
    known = [v for row in comparisons for v in (row.snr_db, row.snr_bound, 0.0) if v is not None]
    longest = max(known) or 1.0
    for y, row in enumerate(comparisons):
        length = longest if row.snr_db is None else row.snr_db
        axes.barh(y, length, height=0.56, color=row.colour, alpha=0.85)
        text = "exact" if row.snr_db is None else f"{row.snr_db:.0f}"
        axes.text(max(length, 0) + longest * 0.015, y, text, va="center", fontsize=8)
        if row.snr_bound is not None:
            axes.plot([row.snr_bound] * 2, [y - 0.42, y + 0.42], color=INK, linewidth=1.6)
    axes.set_xlim(min(known), longest * 1.12)
    axes.set_xlabel("signal-to-noise ratio, dB")
    return as_svg(figure, "snr", "Signal-to-noise ratio of every artifact on every runtime")


@themed()
def top1_plot(comparisons: Sequence[Row]) -> Html:
    """Top-1 agreement with the reference in percent: a dot per row on the band that its tolerance allows."""
    compared = [(row, 100 * row.top1) for row in comparisons if row.top1 is not None]
    figure, axes = row_axes([row.label for row, _ in compared])
    for y, (row, agreement) in enumerate(compared):
        if row.top1_bound is not None:
            _band(axes, y, 100 * row.top1_bound, 100, bound=100 * row.top1_bound)
        _dot(axes, y, agreement, row)
    axes.set_xlabel("top-1 agreement with the reference, %")
    least = min(value for row, agreement in compared for value in (agreement, 100 * (row.top1_bound or 1)))
    axes.set_xlim(least - 0.15 * (102 - least), 100)
    return as_svg(figure, "top1", "Top-1 agreement of every artifact on every runtime against its tolerance")


@themed()
def distribution_plot(comparisons: Sequence[Row], errors: Mapping[tuple[str, str], NDArray[np.floating]]) -> Html:
    """How the errors are spread: a histogram per row on one log axis, the tolerance marked.

    Args:
        comparisons: The rows; those without samples are left out.
        errors: (artifact file, runtime) -> sampled absolute errors as fractions of the reference's range.
    """
    sampled = [row for row in comparisons if _positive(errors, row).size]
    figure, axes = row_axes([row.label for row in sampled])
    samples = [_positive(errors, row) for row in sampled]
    least = min(float(np.quantile(sample, 0.02)) for sample in samples)
    most = max([float(sample.max()) for sample in samples] + [row.error_bound or 0 for row in sampled])
    edges = np.geomspace(least, most * 1.001, 72)
    for y, (row, sample) in enumerate(zip(sampled, samples, strict=True)):
        counts, _ = np.histogram(np.clip(sample, least, None), edges)
        top = y + 0.4 - 0.85 * counts / counts.max()  # the y axis points down
        axes.stairs(top, edges, baseline=y + 0.4, fill=True, color=row.colour, alpha=0.75)
        axes.axhline(y + 0.4, color=LINE, linewidth=0.8)
        if row.error_bound is not None:
            axes.plot([row.error_bound] * 2, [y - 0.42, y + 0.4], color=INK, linewidth=1.6)
    _error_axis(axes, least, most * 3)
    axes.set_xlabel("error of single values, fraction of the reference's range")
    return as_svg(figure, "spread", "Histograms of the errors of every artifact on every runtime")


def _positive(errors: Mapping[tuple[str, str], NDArray[np.floating]], row: Row) -> NDArray[np.floating]:
    """The samples of a row that a log axis can show."""
    sample = np.asarray(errors.get((row.file, row.runtime), ()), dtype=np.float64).ravel()
    return sample[sample > 0]


def _band(axes: Axes, y: float, start: float, end: float, bound: float) -> None:
    axes.plot([start, end], [y, y], color=PASS, alpha=0.18, linewidth=9, solid_capstyle="butt")
    axes.plot(bound, y, "|", color=INK, markersize=11, markeredgewidth=1.6)


def _dot(axes: Axes, y: float, value: float, row: Row) -> None:
    axes.plot(value, y, "X" if row.failed else "o", color=row.colour, markersize=7, clip_on=False, zorder=3)


def _error_axis(axes: Axes, least: float, most: float) -> None:
    log_axis(axes, least, most, LogLocator(numticks=7), lambda value: f"1e{round(np.log10(value))}")
