"""The scores as a table that people read: in the terminal and in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from mobile_robust.corruptions import SMALL_SIDE
from mobile_robust.evaluate.models import Model
from mobile_robust.evaluate.published import published, summary
from mobile_robust.evaluate.scores import ALL, Score
from mobile_robust.evaluate.settings import CLEAN, CorruptionSetting, by_corruption

#: What a cell says.
LEGEND = (
    "top-1 in % and half its 95 % interval; then the loss regained, (with - direct) / (clean - direct), and on clean "
    "photos the change in points; – where less than 1 point is lost; * not equal to the backbone alone (McNemar, "
    "p < 0.05)"
)

#: With more conditions than these, models are the columns.
_MOST_COLUMNS = 8


@dataclass(frozen=True)
class Cell:
    """What is said of a model under a condition: its accuracy, and what came back of the loss."""

    accuracy: str = ""
    regained: str = ""

    def words(self, between: str) -> str:
        """Both in one string."""
        return between.join(filter(None, (self.accuracy, self.regained)))


@dataclass(frozen=True)
class Grid:
    """The models of one group under all conditions. ``cells`` has a row a model."""

    title: str
    models: tuple[tuple[str, str], ...]
    conditions: tuple[str, ...]
    cells: tuple[tuple[Cell, ...], ...]
    sources: tuple[str, ...]


def grids(
    models: Sequence[Model],
    conditions: Sequence[CorruptionSetting],
    scores: Sequence[Score],
    errors: Mapping[tuple[str, str, str], float],
) -> list[Grid]:
    """A grid for every group: its backbone alone, its models, and the paper of their method.

    Args:
        models: All of them.
        conditions: Clean first.
        scores: Of all models.
        errors: Mean corruption errors by (group, name, runtime), or nothing.
    """
    columns = _columns(conditions)
    by_model = {key: [s for s in scores if (s.group, s.model, s.runtime) == key] for key in map(_key, models)}
    alone = {model.fingerprint: model for model in models}
    found = []
    for group in dict.fromkeys(model.group for model in models):
        members = [model for model in models if model.group == group]
        bases = [alone[mark] for mark in dict.fromkeys(model.baseline for model in members)]
        shown = list(dict.fromkeys([*bases, *members]))
        cells = []
        for model in shown:
            own = {(s.corruption, s.level): s for s in by_model[_key(model)]}
            mce = (Cell(f"{errors[_key(model)]:.1f}"),) if errors else ()
            cells.append((*(_cell(own[column]) for column in columns), *mce))
        names = [(model.name, model.runtime) for model in shown]
        sources = []
        for method in dict.fromkeys(model.method for model in members if model.method):
            row, source = _paper(method, columns, conditions, members[0].size[0] <= SMALL_SIDE)
            if source:
                names.append(("paper", method))
                cells.append((*row, *(Cell() for _ in errors and [0])))
                sources.append(f"paper: {source}")
        titles = [_title(*column, single=(ALL, None) not in columns) for column in columns]
        titles += ["mCE"] if errors else []
        found.append(Grid(group, tuple(names), tuple(titles), tuple(cells), tuple(sources)))
    return found


def print_grids(found: Sequence[Grid], photos: int, console: Console) -> None:
    """Writes the grids to a terminal: models as rows where that fits, as columns where not."""
    console.print(f"{photos} photos: {LEGEND}", highlight=False, markup=False)
    for grid in found:
        console.print(f"\n{grid.title}", style="bold", highlight=False, markup=False)
        models = ["\n".join(model) for model in grid.models]
        rows = [[cell.words("\n") for cell in cells] for cells in grid.cells]
        whole = _table(models, grid.conditions, rows)
        if len(grid.conditions) <= _MOST_COLUMNS and _fits(whole, console):
            console.print(whole)
        else:
            for table in _turned(models, grid.conditions, rows, console):
                console.print(table)
        for source in grid.sources:
            console.print(source, highlight=False, markup=False, style="dim")


def _turned(models: list[str], conditions: Sequence[str], rows: list[list[str]], console: Console) -> Iterator[Table]:
    """Conditions as rows, and as many models side by side as the terminal is wide."""
    while models:
        for count in range(len(models), 0, -1):
            columns = [list(column) for column in zip(*rows[:count], strict=True)]
            table = _table(conditions, models[:count], columns)
            if count == 1 or _fits(table, console):
                break
        yield table
        models, rows = models[count:], rows[count:]


def _fits(table: Table, console: Console) -> bool:
    return Measurement.get(console, console.options.update(width=10_000), table).maximum <= console.width


def _table(left: Sequence[str], titles: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for index, title in enumerate(["", *titles]):
        table.add_column(Text(title), justify="right" if index else "left", no_wrap=True)
    for name, cells in zip(left, rows, strict=True):
        table.add_row(Text(name), *map(Text, cells))
    return table


def as_markdown(found: Sequence[Grid], photos: int) -> str:
    """The grids as Markdown tables."""
    parts = [f"{photos} photos: {LEGEND.replace('*', chr(92) + '*')}."]
    for grid in found:
        lines = zip(grid.models, grid.cells, strict=True)
        rows = [[" · ".join(model), *(cell.words(", ") for cell in cells)] for model, cells in lines]
        table = [["", *grid.conditions], *rows]
        if len(grid.conditions) > _MOST_COLUMNS:
            table = [list(column) for column in zip(*table, strict=True)]
        table.insert(1, ["---", *["---:"] * (len(table[0]) - 1)])
        text = "\n".join("| " + " | ".join(cell.replace("*", "\\*") for cell in row) + " |" for row in table)
        parts += [f"### {grid.title}", text, *grid.sources]
    return "\n\n".join(parts) + "\n"


def _key(model: Model) -> tuple[str, str, str]:
    return model.group, model.name, model.runtime


def _columns(conditions: Sequence[CorruptionSetting]) -> list[tuple[str, float | None]]:
    """(corruption, level) of what is shown: clean, then the levels of a single corruption or the means of several.

    A mean over one level is that level, which has a test of its own.
    """
    groups = by_corruption(conditions)
    columns: list[tuple[str, float | None]] = [(CLEAN.corruption, None)]
    if len(groups) == 1:
        ((name, members),) = groups.items()
        columns += [(name, condition.level) for condition in members]
        return [*columns, (name, None)] if len(members) > 1 else columns
    columns += [(name, members[0].level if len(members) == 1 else None) for name, members in groups.items()]
    return [*columns, *([(ALL, None)] if groups else [])]


def _title(corruption: str, level: float | None, single: bool) -> str:
    """Of a column; the mean of a ``single`` corruption is the mean of all."""
    if level is not None:
        return f"{corruption} {level:g}"
    return "mean" if corruption == ALL or (single and corruption != CLEAN.corruption) else corruption


def _cell(score: Score) -> Cell:
    star = "*" if score.mcnemar_p is not None and score.mcnemar_p < 0.05 else ""
    accuracy = f"{100 * score.top1:.1f}{_half(score.top1_low, score.top1_high, 1)}{star}"
    if score.gain is None:
        return Cell(accuracy)
    if score.corruption == CLEAN.corruption:
        return Cell(accuracy, f"{100 * score.gain:+.1f}{_half(score.gain_low, score.gain_high, 1)}")
    if score.regained is None:
        return Cell(accuracy, "–")
    return Cell(accuracy, f"{100 * score.regained:.0f}{_half(score.regained_low, score.regained_high, 0)} %")


def _half(low: float | None, high: float | None, digits: int) -> str:
    """Half an interval in points; nothing where it has no end."""
    return "" if low is None or high is None else f" ±{50 * (high - low):.{digits}f}"


def _paper(
    method: str, columns: Sequence[tuple[str, float | None]], conditions: Sequence[CorruptionSetting], small: bool
) -> tuple[list[Cell], str]:
    """What the method's paper says under each condition shown, and where."""
    levels = {name: [c.level or 0.0 for c in members] for name, members in by_corruption(conditions).items()}
    known = [published(method, name, at, small) for name, at in levels.items()]
    sources = "; ".join(dict.fromkeys(f"{p.network}: {p.source}" for p in known if p))
    cells = []
    for corruption, level in columns:
        if corruption == CLEAN.corruption:
            cleans = sorted({f"{p.clean:.1f}" for p in known if p})
            cells.append(Cell(", ".join(cleans)))
            continue
        wanted = levels if corruption == ALL else {corruption: [level] if level is not None else levels[corruption]}
        figures = summary(method, wanted, small)
        cells.append(Cell(f"{figures[0]:.1f}", f"{figures[1]:.0f} %") if figures else Cell())
    return cells, sources
