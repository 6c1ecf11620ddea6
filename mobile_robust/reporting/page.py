"""The parts of a self-contained HTML page: head with the style sheet, sections, figures, facts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.resources import files

from mobile_robust.reporting.html import Html, el, join


def page(title: str, header: Html, sections: Sequence[Html]) -> str:
    """The whole document; it needs nothing from outside."""
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", title),
        el("style", Html((files("mobile_robust.reporting") / "report.css").read_text(encoding="utf-8"))),
    )
    return "<!doctype html>\n" + el("html", head, el("body", header, el("main", *sections)), lang="en") + "\n"


def section(title: str, *children: str) -> Html:
    """A card with a heading."""
    return el("section", el("h2", title), *children)


def figure(svg: Html, title: str, caption: str) -> Html:
    """A plot under its caption."""
    return el("figure", el("figcaption", el("b", title), " ", caption), svg)


def fact_list(pairs: Iterable[tuple[str, str]]) -> Html:
    """Names and values."""
    return el("dl", *(join(el("dt", name), el("dd", value)) for name, value in pairs), class_="facts")
