"""matplotlib figures as inline SVG whose colours follow the theme of the page (report.css)."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from mobile_robust.reporting.html import Html
from mobile_robust.reporting.plot import make_printable
from mobile_robust.terminal import printable

# Colours that matplotlib writes and the SVG replaces: report.css gives them a light and a dark value.
INK, MUTED, LINE, PASS, FAIL = "#010101", "#020202", "#030303", "#040404", "#050505"
_THEME = {INK: "--ink", MUTED: "--muted", LINE: "--line", PASS: "--pass", FAIL: "--fail"}
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "mobile-robust",
    "font.family": "sans-serif",
    "font.size": 9,
    "text.parse_math": False,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": LINE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "xtick.color": MUTED,
    "ytick.color": INK,
    "ytick.major.size": 0,
}


@contextmanager
def themed() -> Iterator[None]:
    """A plot is drawn and saved inside; also a decorator of the function that does so."""
    with matplotlib.rc_context(_STYLE):
        yield


def row_axes(labels: Sequence[str], width: float = 5) -> tuple[Figure, Axes]:
    """Axes with a labelled row for each, the first on top; ``width`` in inches."""
    figure = Figure(figsize=(width, 0.75 + 0.27 * len(labels)), layout="constrained")
    axes = figure.subplots()
    axes.set_yticks(range(len(labels)), list(map(printable, labels)))
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.grid(axis="x", linewidth=0.6)
    return figure, axes


def log_axis(axes: Axes, low: float, high: float, ticks: LogLocator, text: Callable[[float], str]) -> None:
    """A logarithmic x axis from ``low`` to ``high``."""
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(ticks)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: text(value)))


def as_svg(figure: Figure, name: str, description: str) -> Html:
    """The figure as an element to put into a page that holds other figures: own ids, theme colours, no metadata."""
    make_printable(figure)
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", svg)
    svg = re.sub(r' (?:width|height)="[\d.]+pt"', "", svg, count=2)
    for colour, variable in _THEME.items():
        svg = svg.replace(colour, f"var({variable})")
    return Html(svg.replace("<svg", f'<svg role="img" aria-label="{description}"', 1))
