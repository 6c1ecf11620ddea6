"""The plots of the report, as inline SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from mobile_robust.bench.accuracy import Recovered
from mobile_robust.bench.statistics import samples_ms
from mobile_robust.contracts.result import Run
from mobile_robust.reporting.html import Html
from mobile_robust.reporting.intervals import Floats
from mobile_robust.reporting.svg import FAIL, INK, MUTED, PASS, as_svg, log_axis, row_axes, themed
from mobile_robust.reporting.text import milliseconds

#: A sample's distance from the median beyond which it is drawn at the edge.
_FARTHEST = 2.5
#: Of a plot, in inches.
_WIDTH = 9.5


@dataclass(frozen=True)
class Line:
    """A run with samples, and what it is called."""

    label: str
    run: Run

    @property
    def colour(self) -> str:
        """Of the accelerator."""
        return PASS if self.run.requested == "cpu" else FAIL


@themed()
def latency_plot(lines: Sequence[Line]) -> Html:
    """All samples of every run: box from the 25th to the 75th percentile, line from the 1st to the 99th."""
    figure, axes = row_axes([line.label for line in lines], _WIDTH)
    pooled = [np.concatenate(samples_ms(line.run)) for line in lines]
    for y, (line, samples) in enumerate(zip(lines, pooled, strict=True)):
        _box(axes, y, samples, line.colour)
    least, most = min(s.min() for s in pooled), max(s.max() for s in pooled)
    _latency_axis(axes, least / 1.25, most * 1.25)
    return as_svg(figure, "latency", "Latency samples of every model")


@themed()
def stability_plot(lines: Sequence[Line]) -> Html:
    """How steady every run was: its samples and its repetitions' means as multiples of its own median."""
    figure, axes = row_axes([line.label for line in lines], _WIDTH)
    farthest = 1.02
    for y, line in enumerate(lines):
        samples = samples_ms(line.run)
        median = float(np.median(np.concatenate(samples)))
        relative = np.minimum(np.concatenate(samples) / median, _FARTHEST)
        counts, edges = np.histogram(relative, int(np.clip(len(relative) // 6, 8, 60)))
        half = np.repeat(0.42 * counts / counts.max(), 2)
        axes.fill_between(np.repeat(edges, 2)[1:-1], y - half, y + half, color=line.colour, alpha=0.35, linewidth=0)
        means = np.array([each.mean() for each in samples]) / median
        axes.plot(np.minimum(means, _FARTHEST), [y] * len(means), "|", color=INK, markersize=8, markeredgewidth=1)
        farthest = max(farthest, float(np.percentile(relative, 99)), float(np.minimum(means, _FARTHEST).max()))
    axes.axvline(1, color=MUTED, linewidth=0.8)
    axes.set_xlim(min(0.9, 2 - farthest), farthest + 0.05)
    axes.set_xlabel("latency as a multiple of the model's median")
    return as_svg(figure, "stability", "Spread of the samples of every model")


@themed()
def accuracy_plot(lines: Sequence[Line], recovered: dict[str, Recovered]) -> Html:
    """Latency against accuracy recovered; the better the farther up and left. Lines without scores are left out."""
    figure = Figure(figsize=(_WIDTH, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.spines["left"].set_visible(True)
    known = [(line, recovered[line.run.sha256].fraction) for line in lines if line.run.sha256 in recovered]
    xs = [float(np.mean([each.mean() for each in samples_ms(line.run)])) for line, _ in known]
    for number, (x, (line, fraction)) in enumerate(zip(xs, known, strict=True), start=1):
        if fraction.low is not None and fraction.high is not None:
            axes.plot([x, x], [100 * fraction.low, 100 * fraction.high], color=line.colour, alpha=0.35, linewidth=2)
        label = f"{number}  {line.label}: {milliseconds(x)} ms, {100 * fraction.value:.0f} %"
        shape = "o" if line.run.requested == "cpu" else "s"
        axes.plot(x, 100 * fraction.value, shape, color=line.colour, markersize=7, linestyle="", label=label)
        axes.annotate(str(number), (x, 100 * fraction.value), (6, 5), textcoords="offset points", fontsize=8)
    ends = [100 * end for _, each in known for end in (each.value, each.low, each.high, 0.0) if end is not None]
    axes.set_ylim(min(ends) - 4, max(ends) + 6)
    _latency_axis(axes, min(xs) / 1.6, max(xs) * 1.6)
    axes.grid(axis="y", linewidth=0.6)
    axes.set_ylabel("loss of accuracy recovered, %")
    figure.legend(loc="outside right upper", fontsize=8, frameon=False)
    return as_svg(figure, "accuracy", "Latency against the accuracy recovered")


def _latency_axis(axes: Axes, least: float, most: float) -> None:
    log_axis(axes, least, most, LogLocator(subs=(1, 2, 5)), lambda value: f"{value:g}")
    axes.set_xlabel("latency, ms")


def _box(axes: Axes, y: int, samples: Floats, colour: str) -> None:
    p1, p25, p50, p75, p99 = np.percentile(samples, (1, 25, 50, 75, 99))
    axes.plot([p1, p99], [y, y], color=colour, linewidth=1.4)
    axes.plot([p25, p75], [y, y], color=colour, linewidth=9, alpha=0.55, solid_capstyle="butt")
    axes.plot(p50, y, "|", color=INK, markersize=11, markeredgewidth=1.6)
