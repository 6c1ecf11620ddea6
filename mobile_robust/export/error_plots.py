"""The parity plots of report.html."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator
from numpy.typing import NDArray

from mobile_robust.contracts.manifest import Artifact, Manifest, Metrics, ParityResult
from mobile_robust.parity.table import worst
from mobile_robust.reporting.html import Html
from mobile_robust.reporting.svg import FAIL, INK, LINE, PASS, as_svg, log_axis, row_axes, themed

#: (artifact file, runtime) -> sampled absolute errors, as fractions of the reference's range.
ErrorSamples = dict[tuple[str, str], NDArray[np.floating]]


@dataclass(frozen=True)
class Comparison:
    """One artifact on one runtime. Errors are fractions of the reference's range; an SNR of None: exact."""

    artifact: Artifact
    result: ParityResult
    measured: Metrics

    @property
    def label(self) -> str:
        return f"{self.artifact.precision} · {self.result.runtime}"

    @property
    def failed(self) -> bool:
        return self.result.verdict == "fail"

    @property
    def colour(self) -> str:
        return FAIL if self.failed else PASS

    def bound(self, metric: str) -> float | None:
        """The tolerance's, of that name."""
        return getattr(self.result.tolerance, metric, None)


def rows(manifest: Manifest) -> list[Comparison]:
    """Every comparison of a build, in the order of its artifacts."""
    results = [(artifact, result) for artifact in manifest.artifacts for result in artifact.parity]
    return [Comparison(artifact, result, found) for artifact, result in results if (found := worst(result))]


@themed()
def error_plot(comparisons: Sequence[Comparison]) -> Html:
    """Maximum error on a log axis: a dot per row on the band that its tolerance allows."""
    figure, axes = row_axes([row.label for row in comparisons])
    values = [v for row in comparisons for v in (row.measured.max_error, row.bound("max_error")) if v]
    least = min(values, default=1e-6) / 5
    for y, row in enumerate(comparisons):
        if (bound := row.bound("max_error")) is not None:
            _band(axes, y, least, bound, bound)
        _dot(axes, y, max(row.measured.max_error, least), row)
    _error_axis(axes, least, max(values, default=1e-6) * 3)
    axes.set_xlabel("maximum error, fraction of the reference's range")
    return as_svg(figure, "error", "Maximum error of every artifact on every runtime against its tolerance")


@themed()
def snr_plot(comparisons: Sequence[Comparison]) -> Html:
    """Signal-to-noise ratio: a bar per row, a mark where the tolerance asks for one."""
    figure, axes = row_axes([row.label for row in comparisons])
    known = [v for row in comparisons for v in (row.measured.snr_db, row.bound("snr_db"), 0.0) if v is not None]
    longest = max(known) or 1.0
    for y, row in enumerate(comparisons):
        snr = row.measured.snr_db
        length = longest if snr is None else snr
        axes.barh(y, length, height=0.56, color=row.colour, alpha=0.85)
        text = "exact" if snr is None else f"{snr:.0f}"
        axes.text(max(length, 0) + longest * 0.015, y, text, va="center", fontsize=8)
        if (bound := row.bound("snr_db")) is not None:
            axes.plot([bound] * 2, [y - 0.42, y + 0.42], color=INK, linewidth=1.6)
    axes.set_xlim(min(known), longest * 1.12)
    axes.set_xlabel("signal-to-noise ratio, dB")
    return as_svg(figure, "snr", "Signal-to-noise ratio of every artifact on every runtime")


@themed()
def top1_plot(comparisons: Sequence[Comparison]) -> Html:
    """Top-1 agreement with the reference in percent: a dot per row on the band that its tolerance allows."""
    compared = [(row, 100 * top1) for row in comparisons if (top1 := row.measured.top1_agreement) is not None]
    figure, axes = row_axes([row.label for row, _ in compared])
    least = 100.0
    for y, (row, agreement) in enumerate(compared):
        if (fraction := row.bound("top1_agreement")) is not None:
            _band(axes, y, 100 * fraction, 100, 100 * fraction)
        low, high = row.measured.top1_interval or (agreement / 100,) * 2
        axes.plot([100 * low, 100 * high], [y, y], color=row.colour, linewidth=1.6)
        _dot(axes, y, agreement, row)
        least = min(least, 100 * low, 100 * (fraction or 1))
    axes.set_xlabel("top-1 agreement with the reference, %")
    axes.set_xlim(least - 0.15 * (102 - least), 100)
    return as_svg(figure, "top1", "Top-1 agreement of every artifact on every runtime against its tolerance")


@themed()
def distribution_plot(comparisons: Sequence[Comparison], errors: ErrorSamples) -> Html:
    """How the errors are spread: a histogram per row on one log axis, the tolerance marked. Rows without samples are
    left out, and values of zero.
    """
    samples = [(row, errors.get((row.artifact.file, row.result.runtime), np.empty(0))) for row in comparisons]
    sampled = [(row, sample[sample > 0].astype(np.float64)) for row, sample in samples if (sample > 0).any()]
    figure, axes = row_axes([row.label for row, _ in sampled])
    least = min(float(np.quantile(sample, 0.02)) for _, sample in sampled)
    most = max(value for row, sample in sampled for value in (float(sample.max()), row.bound("max_error") or 0))
    edges = np.geomspace(least, most * 1.001, 72)
    for y, (row, sample) in enumerate(sampled):
        counts, _ = np.histogram(np.clip(sample, least, None), edges)
        top = y + 0.4 - 0.85 * counts / counts.max()  # the y axis points down
        axes.stairs(top, edges, baseline=y + 0.4, fill=True, color=row.colour, alpha=0.75)
        axes.axhline(y + 0.4, color=LINE, linewidth=0.8)
        if (bound := row.bound("max_error")) is not None:
            axes.plot([bound] * 2, [y - 0.42, y + 0.4], color=INK, linewidth=1.6)
    _error_axis(axes, least, most * 3)
    axes.set_xlabel("error of single values, fraction of the reference's range")
    return as_svg(figure, "spread", "Histograms of the errors of every artifact on every runtime")


def _band(axes: Axes, y: float, start: float, end: float, bound: float) -> None:
    axes.plot([start, end], [y, y], color=PASS, alpha=0.18, linewidth=9, solid_capstyle="butt")
    axes.plot(bound, y, "|", color=INK, markersize=11, markeredgewidth=1.6)


def _dot(axes: Axes, y: float, value: float, row: Comparison) -> None:
    axes.plot(value, y, "X" if row.failed else "o", color=row.colour, markersize=7, clip_on=False, zorder=3)


def _error_axis(axes: Axes, least: float, most: float) -> None:
    log_axis(axes, least, most, LogLocator(numticks=7), lambda value: f"1e{round(np.log10(value))}")
