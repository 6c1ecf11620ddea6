"""The look of the plots that are PNG files."""

from __future__ import annotations

import io

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from mobile_robust.terminal import printable

BLUE, INK, GREY, LINE = "#3a6ea5", "#444444", "#c4c4c4", "#dddddd"


def style(axes: Axes, title: str, xlabel: str = "") -> None:
    """Small text, a horizontal grid, no frame."""
    axes.set_title(title, fontsize=9, color=INK)
    axes.set_xlabel(xlabel, fontsize=8, color=INK)
    axes.grid(axis="y", color=LINE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=7, colors=INK, length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(LINE)


def make_printable(figure: Figure) -> None:
    """Escapes control characters in every text but the labels of ticks, which matplotlib makes later. SVG may not hold
    them, and for the bytes of file names that are no UTF-8 matplotlib raises TypeError."""
    for text in figure.findobj(Text):
        text.set_text(printable(text.get_text()))


def png(figure: Figure) -> bytes:
    """The figure as a PNG file."""
    make_printable(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    return buffer.getvalue()
