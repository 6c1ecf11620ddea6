"""The scores as tables: in the terminal and in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rich.console import Console
from rich.text import Text

from mobile_robust.corruptions import SMALL_SIDE
from mobile_robust.evaluation.agreement import LABELS_FROM
from mobile_robust.evaluation.published import published, summary
from mobile_robust.evaluation.scores import ALL, Score, Scores
from mobile_robust.evaluation.settings import CLEAN, CorruptionSetting, by_corruption
from mobile_robust.reporting.intervals import Interval
from mobile_robust.reporting.tables import Table, markdown_text
from mobile_robust.reporting.text import plus_minus

#: What a cell says.
LEGEND = (
    "top-1 in % and half its 95 % interval; then the loss recovered, (with - direct) / (clean - direct), and on clean "
    "photos the change in points; – where less than 1 point is lost; * not equal to the baseline (McNemar, p < 0.05)"
)

#: What must be known of photos without labels.
UNLABELLED = f" without labels, so that right means agreement with {LABELS_FROM}, no accuracy"

#: With more settings than these, models are the columns.
_MOST_COLUMNS = 8


class ScoreCell(NamedTuple):
    """A model under a corruption setting: its accuracy, and what it recovers of the loss."""

    accuracy: str = ""
    recovered: str = ""


@dataclass(frozen=True)
class Grid:
    """The models of one group, (name, runtime) or ("paper", method), under the settings with these titles; ``cells``
    has a row a model. ``sources`` say where the papers' figures are from."""

    title: str
    models: Sequence[tuple[str, str]]
    settings: Sequence[str]
    cells: Sequence[Sequence[ScoreCell]]
    sources: Sequence[str]

    def table(self, between_names: str, between_figures: str) -> Table:
        """A row a model."""
        rows = [
            [between_names.join(model), *(between_figures.join(filter(None, cell)) for cell in cells)]
            for model, cells in zip(self.models, self.cells, strict=True)
        ]
        return Table.of(["", *self.settings], rows)


def grids(scores: Scores) -> list[Grid]:
    """A grid for every group: its baselines, its models, and the paper of their method."""
    columns = _columns(scores.settings)
    titles = [_title(*column, single=(ALL, None) not in columns) for column in columns]
    titles += ["mCE"] if scores.mce else []
    baselines = {model.fingerprint: model for model in scores.models}
    found = []
    for group in dict.fromkeys(model.group for model in scores.models):
        members = [model for model in scores.models if model.group == group]
        names, cells, sources = [], [], []
        for model in dict.fromkeys([*(baselines[model.baseline] for model in members), *members]):
            by_setting = scores.of(model)
            mce = [ScoreCell(f"{scores.mce[model]:.1f}")] if scores.mce else []
            names.append((model.name, model.runtime))
            cells.append([*(_cell(by_setting[column]) for column in columns), *mce])
        for method in dict.fromkeys(model.method for model in members if model.method):
            row, source = _paper(method, columns, scores.settings, members[0].size[0] <= SMALL_SIDE)
            if source:
                names.append(("paper", method))
                cells.append([*row, *(ScoreCell() for _ in titles[len(row) :])])
                sources.append(f"paper: {source}")
        found.append(Grid(group, names, titles, cells, sources))
    return found


def print_scores(scores: Scores, console: Console) -> None:
    """To a terminal: models as rows where that fits, as columns where not."""
    console.print(Text(_head(scores)))
    for grid in grids(scores):
        console.print(Text(f"\n{grid.title}", "bold"))
        table = grid.table("\n", "\n")
        whole = len(grid.settings) <= _MOST_COLUMNS and table.fits(console)
        for piece in [table] if whole else table.transposed().pieces(console):
            console.print(piece.terminal())
        for source in grid.sources:
            console.print(Text(source, "dim"))


def _head(scores: Scores) -> str:
    """How many photos, and what the cells say."""
    unlabelled = scores.facts.get("photos", {}).get("labels") == LABELS_FROM
    return f"{scores.photos} photos{UNLABELLED if unlabelled else ''}: {LEGEND}"


def as_markdown(scores: Scores) -> str:
    """The grids as Markdown tables."""
    parts = [f"{_head(scores).replace('*', chr(92) + '*')}."]
    for grid in grids(scores):
        table = grid.table(" · ", ", ")
        if len(grid.settings) > _MOST_COLUMNS:
            table = table.transposed()
        parts += [f"### {markdown_text(grid.title)}", table.markdown(), *grid.sources]
    return "\n\n".join(parts) + "\n"


def _columns(settings: Sequence[CorruptionSetting]) -> list[tuple[str, float | None]]:
    """(corruption, level) of what is shown: clean, then the levels of a single corruption or the means of several.

    A mean over one level is that level, which has a test of its own.
    """
    groups = by_corruption(settings)
    columns: list[tuple[str, float | None]] = [(CLEAN.corruption, None)]
    if len(groups) == 1:
        ((name, members),) = groups.items()
        columns += [(name, setting.level) for setting in members]
        return [*columns, (name, None)] if len(members) > 1 else columns
    columns += [(name, members[0].level if len(members) == 1 else None) for name, members in groups.items()]
    return [*columns, *([(ALL, None)] if groups else [])]


def _title(corruption: str, level: float | None, single: bool) -> str:
    """Of a column; the mean of a ``single`` corruption is the mean of all."""
    if level is not None:
        return f"{corruption} {level:g}"
    return "mean" if corruption == ALL or (single and corruption != CLEAN.corruption) else corruption


def _cell(score: Score) -> ScoreCell:
    star = "*" if score.mcnemar and score.mcnemar.p < 0.05 else ""
    accuracy = _percent(score.top1, 1) + star
    if score.gain is None:
        return ScoreCell(accuracy)
    if score.corruption == CLEAN.corruption:
        return ScoreCell(accuracy, _percent(score.gain, 1, "+"))
    return ScoreCell(accuracy, f"{_percent(score.recovered, 0)} %" if score.recovered else "–")


def _percent(interval: Interval, digits: int, sign: str = "") -> str:
    """A fraction in %, and half its interval."""
    return f"{100 * interval.value:{sign}.{digits}f}{plus_minus(interval, digits, 100)}"


def _paper(
    method: str, columns: Sequence[tuple[str, float | None]], settings: Sequence[CorruptionSetting], small: bool
) -> tuple[list[ScoreCell], str]:
    """What the method's paper reports under each setting shown, and where."""
    levels = {name: [s.level or 0.0 for s in members] for name, members in by_corruption(settings).items()}
    known = [published(method, name, at, small) for name, at in levels.items()]
    sources = "; ".join(dict.fromkeys(f"{p.network}: {p.source}" for p in known if p))
    cells = []
    for corruption, level in columns:
        if corruption == CLEAN.corruption:
            cells.append(ScoreCell(", ".join(sorted({f"{p.clean:.1f}" for p in known if p}))))
            continue
        wanted = levels if corruption == ALL else {corruption: [level] if level is not None else levels[corruption]}
        figures = summary(method, wanted, small)
        cells.append(ScoreCell(f"{figures[0]:.1f}", f"{figures[1]:.0f} %") if figures else ScoreCell())
    return cells, sources
