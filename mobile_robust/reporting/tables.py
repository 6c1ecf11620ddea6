"""One table, written for a terminal, as Markdown, as HTML or as CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table as RichTable
from rich.text import Text

from mobile_robust.reporting.console import printable_text
from mobile_robust.reporting.html import Html, el
from mobile_robust.terminal import printable


class Column(NamedTuple):
    """A column's title and alignment. ``fold``: its cells may break over several lines in a narrow terminal."""

    title: str
    align: Literal["left", "right"] = "right"
    fold: bool = False


@dataclass(frozen=True)
class Table:
    """Columns and rows of cells: text, which is never read as markup, or :class:`Html` for :meth:`html`."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[str | Text]]
    title: str = ""

    @classmethod
    def of(
        cls, head: Sequence[str], rows: Iterable[Sequence[str | Text]], left: Sequence[str] = (), title: str = ""
    ) -> Table:
        """A table whose first column, and those with the titles ``left``, are aligned left."""
        columns = [Column(name, "left" if name in left or not index else "right") for index, name in enumerate(head)]
        return cls(columns, [*rows], title)

    def transposed(self) -> Table:
        """Titles in the first column, rows as columns; the cells must be text."""
        flipped = list(zip([column.title for column in self.columns], *self.rows, strict=True))
        return Table.of([str(cell) for cell in flipped[0]], flipped[1:])

    def terminal(self) -> RichTable:
        """For :meth:`rich.console.Console.print`."""
        title = Text(self.title, style="bold") if self.title else None
        table = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True, title=title, title_justify="left")
        for name, align, fold in self.columns:
            table.add_column(printable_text(Text(name)), justify=align, overflow="fold", no_wrap=not fold)
        for row in self.rows:
            table.add_row(*(printable_text(cell if isinstance(cell, Text) else Text(cell)) for cell in row))
        return table

    def fits(self, console: Console) -> bool:
        """Whether the terminal shows it without folding a cell."""
        wide = console.options.update(width=10_000)
        return Measurement.get(console, wide, self.terminal()).maximum <= console.width

    def pieces(self, console: Console) -> Iterator[Table]:
        """The first column beside as many others as the terminal is wide; the rest in further tables."""
        start, end = 1, len(self.columns)
        while start < end:
            piece, stop = self._piece(start, end), end
            while stop > start + 1 and not piece.fits(console):
                stop -= 1
                piece = self._piece(start, stop)
            yield piece
            start = stop

    def _piece(self, start: int, stop: int) -> Table:
        rows = [[row[0], *row[start:stop]] for row in self.rows]
        return Table([self.columns[0], *self.columns[start:stop]], rows, self.title)

    def markdown(self) -> str:
        """A table of GitHub's Markdown."""
        rule = ["---" if column.align == "left" else "---:" for column in self.columns]
        head, *rows = (
            map(markdown_text, map(str, row)) for row in ([column.title for column in self.columns], *self.rows)
        )
        return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *rows))

    def html(self, class_: str = "plain") -> Html:
        """A table that scrolls where the page is narrow; ``class_`` as in report.css."""
        head = (el("th", c.title, scope="col", **_aligned(c)) for c in self.columns)
        rows = (zip(self.columns, row, strict=True) for row in self.rows)
        body = (el("tr", *(el("td", _text(cell), data_name=c.title, **_aligned(c)) for c, cell in row)) for row in rows)
        return el("div", el("table", el("thead", el("tr", *head)), el("tbody", *body), class_=class_), class_="scroll")


def _text(cell: str | Text) -> str:
    return cell.plain if isinstance(cell, Text) else cell


def _aligned(column: Column) -> dict[str, str]:
    return {"class_": "right"} if column.align == "right" else {}


def markdown_text(text: str) -> str:
    """Text from elsewhere in one line of GitHub's Markdown, in a table or not, as it is."""
    return re.sub(r"([\\|*`<\[])", r"\\\1", printable(" ".join(text.splitlines())))


def csv_text(records: Sequence[Mapping[str, Any]]) -> str:
    """CSV of records that have the same keys; at least one."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(records[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _csv_cell(value) for key, value in record.items()} for record in records)
    return buffer.getvalue()


def _csv_cell(value: Any) -> Any:
    """A text that a spreadsheet would take for a formula, and run, gets an apostrophe in front."""
    if not isinstance(value, str):
        return value
    return re.sub(r"\A(?=[=+\-@\t])", "'", printable(value))
