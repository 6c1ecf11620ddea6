"""Pages and pictures hold no text from a file that is more than text."""

from __future__ import annotations

from xml.etree import ElementTree

from matplotlib.figure import Figure

from mobile_robust.reporting.html import el
from mobile_robust.reporting.plot import png
from mobile_robust.reporting.svg import as_svg, row_axes, themed

NAME = "a<b>\x1b[31m\0\udcff&"
SHOWN = r"a<b>\x1b[31m\x00\xff&"


def test_control_characters_are_shown_in_texts_and_attributes() -> None:
    element = ElementTree.fromstring(el("p", NAME, title=NAME))
    assert (element.text, element.attrib) == (SHOWN, {"title": SHOWN})


def test_svg_and_png_take_every_name() -> None:
    with themed():
        figure, axes = row_axes([NAME])
        axes.plot([1], [0], label=NAME)
        axes.set_title(NAME)
        figure.legend()
        svg = ElementTree.fromstring(as_svg(figure, "x", "y"))
    assert [text for text in svg.itertext() if text.strip()].count(SHOWN) == 3
    other = Figure()
    other.subplots().set_title(NAME)
    assert png(other).startswith(b"\x89PNG")
