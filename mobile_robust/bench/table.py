"""Table VII of AFD-Module over results: what is in it, for the terminal, Markdown and HTML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from mobile_robust.bench.statistics import Latency, latency, latency_ratio, paired_ratio
from mobile_robust.contracts.result import Result, Run
from mobile_robust.errors import InputError, unknown
from mobile_robust.methods.method import PublishedLatency
from mobile_robust.methods.registry import published_latencies
from mobile_robust.reporting.intervals import Interval
from mobile_robust.reporting.tables import Table
from mobile_robust.reporting.text import count_text, decimals, milliseconds, plus_minus, ratio

#: What ratios are to, where it was measured and nothing else is asked for.
DEFAULT_BASE = "resnet50"


@dataclass(frozen=True)
class Cell:
    """One run in figures, and its latency as a multiple of the base's: within repetitions, and within pairs of
    inferences."""

    run: Run
    latency: Latency | None
    ratio: Interval | None
    paired: Interval | None


@dataclass(frozen=True)
class Paper(PublishedLatency):
    """A row as printed in a paper; ratios are to the base's row there."""

    cpu_ratio: float | None
    gpu_ratio: float | None


@dataclass(frozen=True)
class Row:
    """An artifact's recipe in one precision.

    ``floor`` is its share of the base's multiply-accumulates. ``paper`` stands on the first precision of a recipe.
    """

    name: str
    title: str
    precision: str
    parameters: int | None
    macs: int | None
    floor: float | None
    cells: tuple[Cell | None, ...]
    paper: Paper | None


#: What a cell stands under: number of the result, and accelerator.
ColumnKey = tuple[int, str]


@dataclass(frozen=True)
class Summary:
    """The table: the recipe that ratios are to and why this one, the name of every result's device (numbered where
    results are of the same), and rows in the order of the results' runs."""

    base: str
    why: str
    columns: tuple[ColumnKey, ...]
    devices: tuple[str, ...]
    rows: tuple[Row, ...]

    def column_title(self, column: ColumnKey) -> str:
        """Such as CPU, with the device where there are several."""
        number, accelerator = column
        name = "all units" if accelerator == "all" else accelerator.upper()
        return name if len(self.devices) == 1 else f"{self.devices[number]} {name}"

    def cells(self) -> Iterator[tuple[Row, ColumnKey, Cell]]:
        """All that are not empty, row by row."""
        for row in self.rows:
            for column, cell in zip(self.columns, row.cells, strict=True):
                if cell is not None:
                    yield row, column, cell


def tabulate(results: Sequence[Result], base: str | None) -> Summary:
    """The table over results, side by side. ``base`` is the recipe that ratios are to, in the same precision, on the
    same device and accelerator; None: the default.

    Raises:
        InputError: No result has a run, or none of the base.
    """
    runs = [run for result in results for run in result.runs]
    if not runs:
        raise InputError("no result holds a run: nothing was measured")
    names = dict.fromkeys(run.name for run in runs)
    if base is not None and base not in names:
        raise unknown("recipe for --base", base, names)
    chosen = base or default_base(list(names))
    reason = "as asked for" if base else "the default" if chosen == DEFAULT_BASE else "the first that was measured"
    columns = tuple(dict.fromkeys((i, run.requested) for i, result in enumerate(results) for run in result.runs))
    macs = next((run.macs for run in runs if run.name == chosen and run.macs), None)
    rows: list[Row] = []
    for name, precision in dict.fromkeys((run.name, run.precision) for run in runs):
        alike = [run for run in runs if (run.name, run.precision) == (name, precision)]
        known = next((run for run in alike if run.macs), alike[0])
        rows.append(
            Row(
                name,
                known.title or name,
                precision,
                known.parameters,
                known.macs,
                known.macs / macs if known.macs and macs else None,
                tuple(_cell(results[number], accelerator, name, precision, chosen) for number, accelerator in columns),
                _paper(name, chosen) if name not in [row.name for row in rows] else None,
            )
        )
    return Summary(chosen, reason, columns, _device_names(results), tuple(rows))


def default_base(names: Sequence[str]) -> str:
    """The recipe that ratios are to, of those that were measured, in their order."""
    return DEFAULT_BASE if DEFAULT_BASE in names else names[0]


def _device_names(results: Sequence[Result]) -> tuple[str, ...]:
    """Names that tell the results apart: those of one device are numbered."""
    names = [result.device.name for result in results]
    return tuple(n if names.count(n) == 1 else f"{n} #{i}" for i, n in enumerate(names, start=1))


def _cell(result: Result, accelerator: str, name: str, precision: str, base: str) -> Cell | None:
    def find(wanted: str) -> Run | None:
        fitting = (r for r in result.runs if (r.name, r.precision, r.requested) == (wanted, precision, accelerator))
        return next(fitting, None)

    run, other = find(name), find(base)
    if run is None:
        return None
    return Cell(run, latency(run), latency_ratio(run, other) if other else None, paired_ratio(run, base))


def _paper(name: str, base: str) -> Paper | None:
    rows = published_latencies()
    if name not in rows:
        return None
    row, other = rows[name], rows.get(base)
    cpu = row.cpu_ms / other.cpu_ms if row.cpu_ms and other and other.cpu_ms else None
    gpu = row.gpu_ms / other.gpu_ms if row.gpu_ms and other and other.gpu_ms else None
    return Paper(**vars(row), cpu_ratio=cpu, gpu_ratio=gpu)


def legend(summary: Summary) -> str:
    """What the columns say."""
    return (
        "Mean latency over the test set, mean of the repetitions, in ms with half its 95 % interval (bootstrap over "
        f"repetitions). Ratio: to {summary.base} ({summary.why}) in the same precision on the same device, mean over "
        "the repetitions of the ratio in each, with half its 95 % interval. Paired: the same, of inferences that took "
        "turns in one process, median; on one thread of LiteRT's CPU it is the ratio of CPU times, in which other "
        "processes do not count. Floor: share of its multiply-accumulates."
    )


def as_table(summary: Summary, *, paper: bool = False, names: bool = False, compact: bool = False) -> Table:
    """The figures as text: with the ``paper``'s own where some row has them, with the recipes' ``names`` in place of
    their titles, which are longer; ``compact``: without the parameters, and the precision beside the name."""
    titles = ["model", "MACs", "floor"] if compact else ["model", "precision", "parameters", "MACs", "floor"]
    columns = range(len(summary.columns))
    paired = [any(cell is not None and cell.paired for cell in (row.cells[i] for row in summary.rows)) for i in columns]
    for column, has_pairs in zip(map(summary.column_title, summary.columns), paired, strict=True):
        titles += [f"{column} ms", f"{column} ratio", *([f"{column} paired"] if has_pairs else [])]
    with_paper = paper and any(row.paper for row in summary.rows)
    if with_paper:
        titles += ["paper: parameters", "MACs", "CPU ms", "GPU ms", "CPU ratio", "GPU ratio"]
    rows = []
    for row in summary.rows:
        name = row.name if names else row.title
        first = [f"{name} {row.precision}"] if compact else [name, row.precision, count_text(row.parameters)]
        figures = [t for cell, pairs in zip(row.cells, paired, strict=True) for t in _cell_text(cell, pairs)]
        theirs = _paper_text(row.paper) if with_paper else []
        rows.append([*first, count_text(row.macs), ratio(row.floor), *figures, *theirs])
    return Table.of(titles, rows, left=["precision"])


def _cell_text(cell: Cell | None, pairs: bool) -> list[str]:
    """Latency and ratio, and the paired one where the column has ``pairs``."""
    if cell is None or cell.latency is None:
        return ["" if cell is None else "error" if cell.run.errors else "–", *[""] * (1 + pairs)]
    mean = cell.latency.mean
    latency_text = milliseconds(mean.value) + plus_minus(mean, decimals(mean.value))
    return [latency_text, _ratio_text(cell.ratio), *([_ratio_text(cell.paired)] if pairs else [])]


def _ratio_text(multiple: Interval | None) -> str:
    if multiple is None:
        return ""
    exact = multiple.low == multiple.high  # as the base's ratio to itself
    return ratio(multiple.value) + ("" if exact else plus_minus(multiple, 3))


def _paper_text(paper: Paper | None) -> list[str]:
    if paper is None:
        return [""] * 6
    latencies = ["" if value is None else f"{value:g}" for value in (paper.cpu_ms, paper.gpu_ms)]
    ratios = [ratio(value) for value in (paper.cpu_ratio, paper.gpu_ratio)]
    return [count_text(paper.parameters), count_text(paper.macs), *latencies, *ratios]


def print_table(summary: Summary, console: Console) -> None:
    """To a terminal; without the paper's figures, then without the parameters, then in pieces, until it fits."""
    variants = ((True, False), (False, False), (False, True))
    tables = [as_table(summary, paper=paper, names=True, compact=compact) for paper, compact in variants]
    fitting = next((table for table in tables if table.fits(console)), None)
    for table in [fitting] if fitting else tables[-1].pieces(console):
        console.print(table.terminal())
    console.print(Text(legend(summary), "dim"))


def as_markdown(summary: Summary) -> str:
    """A table and its legend."""
    return f"{as_table(summary, paper=True).markdown()}\n\n{legend(summary)}\n"
