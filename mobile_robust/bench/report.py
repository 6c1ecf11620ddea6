"""The report over results: report.html (one self-contained page), table.md, table.csv, report.json."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mobile_robust.bench import plot
from mobile_robust.bench.accuracy import Recovered, read_scores
from mobile_robust.bench.comparability import warnings
from mobile_robust.bench.records import Results, as_document, in_ms, memory, records
from mobile_robust.bench.table import Summary, as_markdown, as_table, legend, tabulate
from mobile_robust.contracts.result import Result, SchemaVersionError, read_result
from mobile_robust.errors import InputError
from mobile_robust.files import write_output
from mobile_robust.methods.registry import excluded
from mobile_robust.options import make_folder
from mobile_robust.reporting.html import Html, el
from mobile_robust.reporting.page import fact_list, figure, page, section
from mobile_robust.reporting.tables import Table, csv_text, markdown_text
from mobile_robust.reporting.text import count_text, milliseconds, ratio


@dataclass(frozen=True)
class Report:
    """What was written: the table, sentences on what must be known before results are compared, and the files."""

    summary: Summary
    warnings: tuple[str, ...]
    files: tuple[Path, ...]


def write(results: Sequence[Path], folder: Path, *, base: str | None = None, scores: Sequence[Path] = ()) -> Report:
    """Writes the report over results of any device.

    Args:
        results: Files ``result.json``, at least one.
        folder: Gets report.html, table.md, table.csv and report.json.
        base: Recipe that ratios are to; None: the default.
        scores: Files scores.json of ``mobile_robust.evaluate``, for the accuracy.

    Raises:
        InputError: A result that cannot be read, no run, an unknown base, a broken file of scores, or a file that
            cannot be written.
    """
    found, skipped = read_all(results)
    scored = {path: read_scores(path) for path in scores}
    recovered = {artifact: each for by_artifact in scored.values() for artifact, each in by_artifact.items()}
    measured = {run.sha256 for _, result in found for run in result.runs}
    unmatched = [
        f"--scores {path}: scores other files than these results measured (by SHA-256); build, evaluate and measure "
        "the same ones"
        for path, by_artifact in scored.items()
        if not measured & by_artifact.keys()
    ]
    summary = tabulate([result for _, result in found], base)
    cautions = [*skipped, *warnings(found), *unmatched]
    rows = records(summary, recovered)
    make_folder(folder)
    contents = {
        "report.html": _page(found, summary, cautions, recovered),
        "table.md": _markdown(cautions, summary),
        "table.csv": csv_text(rows),
        "report.json": json.dumps(as_document(found, summary, cautions, rows), indent=2) + "\n",
    }
    for name, content in contents.items():
        write_output(folder / name, content)
    return Report(summary, tuple(cautions), tuple(folder / name for name in contents))


def read_all(paths: Sequence[Path]) -> tuple[list[tuple[Path, Result]], list[str]]:
    """The results, and a sentence for each of another schema version, which is left out; one such alone is an error."""
    results, skipped = [], []
    for path in dict.fromkeys(paths):
        try:
            results.append((path, read_result(path)))
        except SchemaVersionError as error:
            skipped.append(f"left out: {error}")
    if not results:
        raise InputError("\n".join(skipped))
    return results, skipped


def _page(results: Results, summary: Summary, cautions: Sequence[str], recovered: dict[str, Recovered]) -> str:
    title = "Latency: " + ", ".join(dict.fromkeys(summary.devices))
    protocol = results[0][1].protocol
    lead = (
        f"Mean over {protocol.inputs.count} photos, {protocol.repetitions} times; ratios to {summary.base} "
        f"({summary.why}), repetition by repetition."
    )
    parts = [el("p", "mobile-robust · latency report", class_="eyebrow"), el("h1", title), el("p", lead, class_="lead")]
    labels = dict.fromkeys(run.label for _, result in results for run in result.runs if run.label)
    parts += [el("p", el("strong", label), el("span", _labelled(results, label)), class_="label") for label in labels]
    if cautions:
        sentences = el("ul", *(el("li", caution) for caution in cautions))
        parts.append(el("div", el("h2", "Before you compare"), sentences, class_="failures"))
    sections = [
        section("Table", as_table(summary).html("plain numbers"), el("p", legend(summary), class_="note")),
        _paper(summary),
        _plots(summary, recovered),
        section("Every run", _details(summary).html("plain numbers")),
        *(
            section(f"Measured on {device}", _facts(path, result))
            for device, (path, result) in zip(summary.devices, results, strict=True)
        ),
    ]
    return page(title, el("header", *parts), sections)


def _markdown(cautions: Sequence[str], summary: Summary) -> str:
    warned = (f"> **Warning:** {markdown_text(caution)}\n\n" for caution in cautions)
    return "".join(warned) + as_markdown(summary)


def _labelled(results: Results, label: str) -> str:
    names = dict.fromkeys(run.name for _, result in results for run in result.runs if run.label == label)
    return f"{', '.join(names)}."


def _paper(summary: Summary) -> Html:
    """The ratios of all devices beside the paper's, and why some of its rows are not here."""
    on = {name: [i for i, (_, which) in enumerate(summary.columns) if which == name] for name in ("cpu", "gpu")}
    titles = {i: f"{summary.column_title(summary.columns[i])} ratio" for columns in on.values() for i in columns}
    ours = [[*(titles[i] for i in columns), f"paper's {name.upper()} ratio"] for name, columns in on.items()]
    head = ["model", "parameters", "paper", "MACs", "paper", *ours[0], *ours[1], "paper's ms"]
    rows, sources = [], dict[str, None]()
    for row in summary.rows:
        if (paper := row.paper) is None:
            continue
        sources[paper.source] = None
        ratios = []
        for name, theirs in (("cpu", paper.cpu_ratio), ("gpu", paper.gpu_ratio)):
            cells = [row.cells[i] for i in on[name]]
            ratios += [*(ratio(cell.ratio.value) if cell and cell.ratio else "" for cell in cells), ratio(theirs)]
        latencies = [f"{ms:g} {name}" for ms, name in ((paper.cpu_ms, "CPU"), (paper.gpu_ms, "GPU")) if ms is not None]
        costs = map(count_text, (row.parameters, paper.parameters, row.macs, paper.macs))
        rows.append([f"{row.title}, {row.precision}", *costs, *ratios, ", ".join(latencies)])
    if not rows:
        return Html("")
    missing = (el("li", el("b", name), f": {why}.") for name, why in excluded().items())
    listed = el("details", el("summary", "Rows of the paper that are not here"), el("ul", *missing), class_="note")
    where = f"Paper: {'; '.join(sources)}. Its phone: Snapdragon 865, Adreno 640. Ours: {', '.join(summary.devices)}."
    table = Table.of(head, rows, left=head[-1:]).html("plain numbers")
    return section("Beside the paper", table, el("p", where, class_="note"), listed)


def _plots(summary: Summary, recovered: dict[str, Recovered]) -> Html:
    lines = [
        plot.Line(f"{row.name} {row.precision} · {summary.column_title(column)}", cell.run)
        for row, column, cell in summary.cells()
        if cell.latency
    ]
    if not lines:
        return Html("")
    figures = [
        figure(plot.latency_plot(lines), "Latency", "Box: half of the samples; line: 98 % of them; mark: the median."),
        figure(
            plot.stability_plot(lines),
            "Spread",
            "Every model's samples as multiples of its own median; marks are the repetitions' means.",
        ),
    ]
    if any(line.run.sha256 in recovered for line in lines):
        corruptions = ", ".join(dict.fromkeys(name for each in recovered.values() for name in each.corruptions))
        caption = f"Of the accuracy lost to {corruptions}, with 95 % intervals: the farther up and left, the better."
        figures.append(figure(plot.accuracy_plot(lines, recovered), "Latency against accuracy recovered", caption))
    return section("Plots", *figures)


def _details(summary: Summary) -> Table:
    head = ["Artifact", "On", "p50", "p90", "p99", "Load", "First", "Memory", "Operations"]
    rows = []
    for _, column, cell in summary.cells():
        run, placement, taken = cell.run, cell.run.actual, memory(cell.run)
        samples = cell.latency and cell.latency.samples
        percentiles = [samples.p50, samples.p90, samples.p99] if samples else [None] * 3
        times = [*percentiles, in_ms(run.load_ns), in_ms(run.first_inference_ns)]
        rows.append(
            [
                run.artifact,
                summary.column_title(column),
                *("" if time is None else f"{milliseconds(time)} ms" for time in times),
                "" if taken is None else f"{taken / 1e6:.1f} MB",
                f"{placement.placed_ops} of {placement.total_ops} on {placement.accelerator}" if placement else "error",
            ]
        )
    return Table.of(head, rows, left=("On", "Operations"))


def _facts(path: Path, result: Result) -> Html:
    device, protocol = result.device, result.protocol
    fastest = max((cpu.max_khz for cpu in device.cpus if cpu.max_khz), default=None)
    pinned = "no" if protocol.pinned_cpus is None else ", ".join(map(str, protocol.pinned_cpus))
    repetitions = [repetition for run in result.runs for repetition in run.repetitions]
    states = [state for r in repetitions for state in (r.state_before, r.state_after)]
    of_core_ml = all(run.runtime.name.startswith("coreml") for run in result.runs)  # it chooses threads for itself
    facts = [
        ("file", path.name),
        ("begun", result.created),
        ("model", device.model),
        ("system on a chip", device.soc),
        ("system", f"{device.os}, {device.abi}"),
        ("cores", f"{len(device.cpus)}" + (f", up to {fastest / 1e6:g} GHz" if fastest else "")),
        ("memory", f"{device.memory_bytes / 1e9:.1f} GB" if device.memory_bytes else None),
        ("program", f"{result.app.name} {result.app.version}, {result.app.platform}"),
        ("runtimes", ", ".join(dict.fromkeys(f"{r.runtime.name} {r.runtime.version}" for r in result.runs))),
        ("threads", None if of_core_ml else str(protocol.threads)),
        ("pinned to cores", pinned),
        ("warm-up", f"{protocol.warm_up_seconds:g} s and {protocol.warm_up_runs} inferences"),
        ("cool-down", f"{protocol.cool_down_seconds:g} s"),
        ("order", "models take turns" if protocol.interleaved else "one model after the other"),
        ("inputs", f"{protocol.inputs.count}: {protocol.inputs.description}"),
        ("frequency", _range([k for state in states for k in state.cpu_khz if k is not None], 1e6, "GHz")),
        ("temperature", _range([t for state in states for t in state.temperatures_mc.values()], 1e3, "°C")),
        ("thermal status", _range([s.thermal_status for s in states if s.thermal_status is not None], 1, "")),
        ("load", _range([state.load for state in states if state.load is not None], 1, "")),
    ]
    return fact_list((name, value) for name, value in facts if value)


def _range(values: Sequence[float], unit: float, name: str) -> str | None:
    return f"{min(values) / unit:g} to {max(values) / unit:g} {name}".rstrip() if values else None
