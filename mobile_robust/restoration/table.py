"""The scores as tables: in the terminal and in Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from mobile_robust.evaluation.scores import ALL
from mobile_robust.evaluation.settings import CLEAN, by_corruption
from mobile_robust.methods.method import PublishedRestoration
from mobile_robust.methods.registry import methods
from mobile_robust.reporting.intervals import Interval
from mobile_robust.reporting.tables import Table, markdown_text
from mobile_robust.reporting.text import plus_minus
from mobile_robust.restoration.scores import MEASURES, Restoration

#: Of the papers' figures.
_PUBLISHED = "as published: other photos and training; LPIPS is not this feature distance"


def print_restoration(found: Restoration, console: Console) -> None:
    """To a terminal."""
    console.print(Text(_legend(found)))
    for table in _tables(found):
        console.print()
        for piece in table.pieces(console):
            console.print(piece.terminal())
    for published in _published(found):
        console.print()
        console.print(published.terminal())


def as_markdown(found: Restoration) -> str:
    """The same in Markdown."""
    parts = [markdown_text(_legend(found))]
    for table in (*_tables(found), *_published(found)):
        parts += [f"### {markdown_text(table.title)}", table.markdown()]
    return "\n\n".join(parts) + "\n"


def _legend(found: Restoration) -> str:
    return (
        f"{found.photos} photos, against the clean ones: mean and half its 95 % interval, of the degraded photo; then "
        "of the repaired one, and the change that is. Feature distance: "
        f"of the features of {found.facts['features']}, without LPIPS' learned weights"
    )


def _tables(found: Restoration) -> Iterator[Table]:
    """One a measure: a row a setting, means in between, a column a module."""
    scores = [found.of(module) for module in found.modules]
    head = ["", "degraded", *(f"{module.name} · {module.runtime}" for module in found.modules)]
    for name, (title, digits) in MEASURES.items():
        rows = []
        for key, text in _rows(found):
            figures = [each[key].figures[name] for each in scores]
            cells = [f"{_text(each.repaired, digits)}, {_text(each.change, digits, '+')}" for each in figures]
            rows.append([text, _text(figures[0].degraded, digits), *cells])
        yield Table.of(head, rows, title=title)


def _rows(found: Restoration) -> Iterator[tuple[tuple[str, float | None], str]]:
    """(corruption, level) and title: clean, the levels of every corruption and their mean, the mean of all."""
    groups = by_corruption(found.settings)
    yield (CLEAN.corruption, None), CLEAN.name
    for name, members in groups.items():
        yield from (((name, setting.level), setting.name) for setting in members)
        if len(members) > 1:
            yield (name, None), f"{name}, mean"
    if len(groups) > 1:
        yield (ALL, None), "mean of all"


def _text(interval: Interval, digits: int, sign: str = "") -> str:
    return f"{interval.value:{sign}.{digits}f}{plus_minus(interval, digits)}"


def _published(found: Restoration) -> Iterator[Table]:
    """What the modules' papers report under the corruptions that were measured: a row a form of the method."""
    measured = by_corruption(found.settings)
    for method in dict.fromkeys(module.method for module in found.modules):
        known = methods()[method].restoration if method in methods() else ()
        entries = [entry for entry in known if entry.corruption in measured]
        if entries:
            yield _paper(entries)


def _paper(entries: list[PublishedRestoration]) -> Table:
    photos = list(dict.fromkeys(entry.photos for entry in entries))
    head = ["", *(f"{each}, {measure}" for each in photos for measure in ("PSNR", "LPIPS"))]
    rows = []
    for form in dict.fromkeys(entry.form for entry in entries):
        by_photos = {entry.photos: entry for entry in entries if entry.form == form}
        cells = [text for each in photos for text in (f"{by_photos[each].psnr:.1f}", f"{by_photos[each].lpips:.3f}")]
        rows.append([form, *cells])
    sources = "; ".join(dict.fromkeys(entry.source for entry in entries))
    return Table.of(head, rows, title=f"{sources}, {entries[0].corruption} ({_PUBLISHED})")
