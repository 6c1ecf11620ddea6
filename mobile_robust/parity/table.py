"""A build in one table: what was measured against what was allowed, for the terminal and for report.html."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from mobile_robust.contracts.manifest import Manifest, Metrics, ParityResult, Verdict
from mobile_robust.contracts.recipe import Tolerance
from mobile_robust.contracts.targets import TARGETS
from mobile_robust.reporting.overhead import overhead_text
from mobile_robust.reporting.tables import Column, Table
from mobile_robust.reporting.text import bytes_text, count_of, count_text

SYMBOLS: dict[Verdict, str] = {"pass": "✓", "fail": "✗", "skipped": "–"}
STYLES: dict[Verdict, str] = {"pass": "green", "fail": "bold red", "skipped": "dim"}


def worst(result: ParityResult) -> Metrics | None:
    """The metrics of the output that is furthest off; None where nothing was compared. An SNR of None: no error."""
    return max(result.metrics.values(), key=lambda metrics: metrics.max_error, default=None)


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
        parts.append(f"{agreement_text(measured)} top-1")
    return ", ".join(parts)


def agreement_text(measured: Metrics) -> str:
    """Top-1 agreement with its interval: "94.1% (81 to 98%)"."""
    if measured.top1_interval is None:
        return f"{measured.top1_agreement:.1%}"
    low, high = (100 * end for end in measured.top1_interval)
    return f"{measured.top1_agreement:.1%} ({low:.0f} to {high:.0f}%)"


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


def verdict_text(manifest: Manifest) -> str:
    """The build's verdict as a phrase: "all 14 checks passed", or "10 checks passed, 4 skipped"."""
    verdicts = [result.verdict for artifact in manifest.files for result in artifact.parity]
    skipped, failed = verdicts.count("skipped"), verdicts.count("fail")
    made = len(verdicts) - skipped
    parts = [f"{count_of(len(manifest.failed), 'file')} could not be made"] if manifest.failed else []
    if failed:
        parts.append(f"{failed} of {made} checks failed")
    elif made:
        every = "" if skipped or parts or made == 1 else "all "
        parts.append(f"{every}{count_of(made, 'check')} passed")
    else:
        parts.append("no check was made")
    return ", ".join([*parts, f"{skipped} skipped"] if skipped else parts)


_COLUMNS = (
    Column("artifact", "left"),
    Column("size"),
    Column("MACs"),
    Column("runtime", "left"),
    Column("worst error", fold=True),
    Column("tolerance", fold=True),
    Column("verdict", "left"),
)


def markdown(manifests: Iterable[Manifest]) -> str:
    """All comparisons of some builds that were made, one row each, as a table of Markdown."""
    rows = []
    for manifest in manifests:
        for made in manifest.files:
            for result in made.parity:
                if result.verdict != "skipped":
                    rows.append([made.file, result.comparison, *measured_cells(result), result.verdict])
    head = ["file", "on", "operations placed", "max error", "SNR", "top-1", "photos", "verdict"]
    return Table.of(head, rows, left=("on", "verdict")).markdown()


def measured_cells(result: ParityResult) -> list[str]:
    """Operations placed, maximum error, SNR, top-1 agreement and the number of images of a comparison."""
    placed, measured = result.placement, worst(result)
    where = f"{placed.placed_ops} of {placed.total_ops}" if placed else "—"
    if measured is None:
        return [where, "—", "—", "—", "—"]
    snr = "exact" if measured.snr_db is None else f"{measured.snr_db:.1f} dB"
    top1 = "—" if measured.top1_agreement is None else agreement_text(measured)
    return [where, f"{measured.max_error:.1e}", snr, top1, str(result.images)]


def _on(result: ParityResult) -> str:
    """What was compared with what, in lines short enough for a narrow terminal."""
    return f"{result.runtime}\nvs {result.against}" if result.against else result.runtime


def verdict_cell(verdict: Verdict) -> Text:
    """Symbol and word in the verdict's colour."""
    return Text(f"{SYMBOLS[verdict]} {verdict}", style=STYLES[verdict])


def render_table(manifest: Manifest, console: Console) -> None:
    """Prints the end table, one row per artifact and runtime; below it every failure in full."""
    recipe = manifest.recipe
    rows: list[list[str | Text]] = []
    failures: list[Text] = []
    skipped: Counter[str] = Counter()
    compared: dict[int, dict[str, None]] = defaultdict(dict)  # photos -> precisions, each once
    for artifact in manifest.artifacts:
        name = f"{TARGETS[artifact.target].title} {artifact.precision}"
        first = [name, bytes_text(artifact.bytes), count_text(artifact.macs)]
        for result in artifact.parity:
            if result.verdict == "skipped":
                skipped[f"{result.runtime} skipped: {result.reason}"] += 1
                continue
            measured, allowed = worst_text(result), tolerance_text(result.tolerance)
            if result.images is not None:
                compared[result.images][artifact.precision] = None
            rows.append([*first, _on(result), measured, allowed, verdict_cell(result.verdict)])
            first = ["", "", ""]
            for sentence in result.failures:
                failures.append(Text.assemble((f"{artifact.file} on {result.comparison}: ", "bold red"), sentence))
        if first[0]:
            rows.append([*first, "none", "—", "—", verdict_cell("skipped")])
    for npu in manifest.npu:
        first = [f"TFLite int8\n{npu.chip}", bytes_text(npu.bytes), ""]
        for result in npu.parity:
            measured, allowed = worst_text(result), tolerance_text(result.tolerance)
            where = _on(result).replace(f":{npu.chip}", "")
            rows.append([*first, where, measured, allowed, verdict_cell(result.verdict)])
            first = ["", "", ""]
            failures += [
                Text.assemble((f"{npu.file} on {result.comparison}: ", "bold red"), each) for each in result.failures
            ]
    for missing in manifest.failed:
        rows.append([missing.title, "—", "", "not made", "", "", verdict_cell("fail")])
        failures.append(Text.assemble((f"{missing.title} could not be made: ", "bold red"), missing.reason))
    console.print(Table(_COLUMNS, rows, recipe.title or recipe.name).terminal())
    if manifest.overhead:
        console.print(Text(f"The module {overhead_text(manifest.overhead)}.", style="dim"))
    counts = "; ".join(f"{', '.join(names)}: {count}" for count, names in sorted(compared.items()))
    if counts:
        console.print(Text(f"photos compared: {counts}", style="dim"))
    for failure in failures:
        console.print(failure)
    for needs in dict.fromkeys(npu.needs for npu in manifest.npu):
        console.print(Text(f"compiled for NPUs: needs {needs}", style="dim"))
    for note, count in skipped.items():
        console.print(Text(f"{note} ({count} artifacts)" if count > 1 else note, style="dim"))
    provenance = manifest.provenance
    if provenance.input:
        console.print(Text(f"input: {provenance.input}", style="dim"))
    for warning in provenance.warnings:
        console.print(Text(f"warning: {warning}", style="yellow"))
    if provenance.label:
        console.print(Text(provenance.label, style="bold yellow"))
    phrase = f"{recipe.name}: {verdict_text(manifest)}"
    console.print(Text(phrase, style="bold green" if manifest.passed else "bold red"))
