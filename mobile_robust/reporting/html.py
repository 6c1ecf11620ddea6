"""HTML from Python calls, escaped by construction: text stays text unless it is already :class:`Html`, and control
characters, which neither HTML nor SVG may hold, are shown as Python writes them."""

from __future__ import annotations

from html import escape

from mobile_robust.terminal import printable

_VOID = {"meta", "br", "img"}


class Html(str):
    """A string that is HTML already; everything else is escaped."""


def el(tag: str, *children: str, **attributes: str | int) -> Html:
    """One element. An attribute's name may end in ``_`` (``class_``) and has ``_`` where HTML has ``-``."""
    opening = "".join(f' {name.rstrip("_").replace("_", "-")}="{_escaped(str(v))}"' for name, v in attributes.items())
    if tag in _VOID:
        return Html(f"<{tag}{opening}>")
    return Html(f"<{tag}{opening}>{join(*children)}</{tag}>")


def join(*children: str) -> Html:
    """Elements and texts one after the other."""
    return Html("".join(child if isinstance(child, Html) else _escaped(child) for child in children))


def _escaped(text: str) -> str:
    return escape(printable(text))
