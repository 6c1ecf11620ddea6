"""A build in one table: what was measured against what was allowed, for the terminal and for report.html."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from mobile_robust.contracts.manifest import Manifest, ParityResult, Verdict
from mobile_robust.contracts.recipe import Target, Tolerance

SYMBOLS: dict[Verdict, str] = {"pass": "✓", "fail": "✗", "skipped": "–"}
TARGETS: dict[Target, str] = {"tflite": "TFLite", "coreml": "Core ML"}
STYLES: dict[Verdict, str] = {"pass": "green", "fail": "bold red", "skipped": "dim"}


@dataclass(frozen=True)
class Worst:
    """The worst value of each metric over all outputs of one parity result. An SNR of None: no error at all."""

    max_error: float
    snr_db: float | None
    repair_snr_db: float | None
    top1_agreement: float | None


def worst(result: ParityResult) -> Worst | None:
    """None where the runtime compared nothing: a skipped one, or a check of the operations alone."""
    metrics = list(result.metrics.values())
    if not metrics:
        return None
    return Worst(
        max(m.max_error for m in metrics),
        min((m.snr_db for m in metrics if m.snr_db is not None), default=None),
        min((m.repair_snr_db for m in metrics if m.repair_snr_db is not None), default=None),
        min((m.top1_agreement for m in metrics if m.top1_agreement is not None), default=None),
    )


def worst_text(result: ParityResult) -> str:
    """The measured value of every metric that the tolerance bounds; the maximum error where it bounds none."""
    measured, tolerance = worst(result), result.tolerance
    if measured is None:
        return "—"
    parts = []
    if tolerance is None or tolerance.max_error is not None:
        parts.append(f"{measured.max_error:.1e}")
    if tolerance and tolerance.snr_db is not None:
        parts.append("exact" if measured.snr_db is None else f"{measured.snr_db:.1f} dB")
    if tolerance and tolerance.repair_snr_db is not None and measured.repair_snr_db is not None:
        parts.append(f"repair {measured.repair_snr_db:.1f} dB")
    if tolerance and tolerance.top1_agreement is not None and measured.top1_agreement is not None:
        parts.append(f"{measured.top1_agreement:.1%} top-1")
    return ", ".join(parts)


def tolerance_text(tolerance: Tolerance | None) -> str:
    """The bounds in the order of :func:`worst_text`. Errors are fractions of the reference's range."""
    if tolerance is None:
        return "—"
    parts = []
    if tolerance.max_error is not None:
        parts.append(f"≤ {tolerance.max_error:.0e}" if tolerance.max_error < 0.01 else f"≤ {tolerance.max_error:g}")
    if tolerance.snr_db is not None:
        parts.append(f"≥ {tolerance.snr_db:g} dB")
    if tolerance.repair_snr_db is not None:
        parts.append(f"repair ≥ {tolerance.repair_snr_db:g} dB")
    if tolerance.top1_agreement is not None:
        parts.append(f"≥ {tolerance.top1_agreement:.1%} top-1")
    return ", ".join(parts)


def bytes_text(size: int) -> str:
    """Decimal units, three digits: 478 kB, 14.2 MB."""
    return f"{_three_digits(size)}B".replace(" B", " bytes")


def count_text(count: int) -> str:
    """Three digits with a unit prefix: 356 M, 0.118 M is written 118 k."""
    return _three_digits(count).rstrip()


def _three_digits(value: float) -> str:
    for prefix in ("", "k", "M", "G"):
        if value < 999.5 or prefix == "G":
            break
        value /= 1000
    digits = 0 if not prefix or value >= 99.95 else 1 if value >= 9.995 else 2
    return f"{value:.{digits}f} {prefix}"


def verdict_text(manifest: Manifest) -> str:
    """The build's verdict as a phrase: "all 14 checks passed"."""
    verdicts = [result.verdict for artifact in manifest.artifacts for result in artifact.parity]
    made = len(verdicts) - verdicts.count("skipped")
    if failed := verdicts.count("fail"):
        return f"{failed} of {made} checks failed"
    return f"all {made} checks passed" if made else "no check was made"


def render_table(manifest: Manifest, console: Console) -> None:
    """Prints the end table, one row per artifact and runtime; below it every failure in full."""
    recipe = manifest.recipe
    table = Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
        title=Text(recipe.title or recipe.name, style="bold"),
        title_justify="left",
    )
    table.add_column("artifact", no_wrap=True)
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("MACs", justify="right", no_wrap=True)
    table.add_column("runtime", no_wrap=True)
    table.add_column("worst error", justify="right", overflow="fold")
    table.add_column("tolerance", justify="right", overflow="fold")
    table.add_column("verdict", no_wrap=True)
    failures: list[Text] = []
    skipped: dict[str, int] = {}
    for artifact in manifest.artifacts:
        what = Text(f"{TARGETS[artifact.target]} {artifact.precision}")
        first: list[str | Text] = [what, bytes_text(artifact.bytes), count_text(artifact.macs)]
        for result in artifact.parity:
            if result.verdict == "skipped":
                note = f"{result.runtime} skipped: {result.reason}"
                skipped[note] = skipped.get(note, 0) + 1
                continue
            verdict = Text(f"{SYMBOLS[result.verdict]} {result.verdict}", style=STYLES[result.verdict])
            table.add_row(*first, result.runtime, worst_text(result), tolerance_text(result.tolerance), verdict)
            first = ["", "", ""]
            for sentence in result.failures:
                failures.append(Text.assemble((f"{artifact.file} on {result.runtime}: ", "bold red"), sentence))
        if first[0] is what:
            table.add_row(*first, "none", "—", "—", Text("– skipped", style="dim"))
    console.print(table)
    for failure in failures:
        console.print(failure)
    for note, count in skipped.items():
        console.print(Text(f"{note} ({count} artifacts)" if count > 1 else note, style="dim"))
    if label := manifest.provenance.label:
        console.print(Text(label, style="bold yellow"))
    phrase = f"{recipe.name}: {verdict_text(manifest)}"
    console.print(Text(phrase, style="bold green" if manifest.passed else "bold red"))


@contextmanager
def progress_bar(console: Console, title: str, steps: int) -> Iterator[Callable[[str], None]]:
    """A bar that goes when the work is done; call what it yields with the name of each step as it begins."""
    columns = TextColumn("{task.fields[title]}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, TextColumn("{task.description}"), console=console, transient=True) as progress:
        task = progress.add_task("", total=steps, title=title, completed=-1)

        def step(what: str) -> None:
            progress.update(task, advance=1, description=what)

        yield step
