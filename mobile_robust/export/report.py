"""report.html: a finished build on one self-contained page, without scripts or outside resources."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mobile_robust.contracts.manifest import MANIFEST_NAME, Artifact, Manifest, ParityResult, Tensor, Verdict
from mobile_robust.contracts.targets import TARGETS
from mobile_robust.export import error_plots as plots
from mobile_robust.export.app_kit.section import code_section
from mobile_robust.export.error_plots import ErrorSamples
from mobile_robust.export.fingerprint import REPORT_NAME
from mobile_robust.export.shown_photos import ShownPhoto, photo_section
from mobile_robust.files import write_atomically
from mobile_robust.parity.table import SYMBOLS, measured_cells, tolerance_text, verdict_text, worst_text
from mobile_robust.reporting.html import Html, el, join
from mobile_robust.reporting.overhead import overhead_text
from mobile_robust.reporting.page import fact_list, figure, page, section
from mobile_robust.reporting.tables import Table
from mobile_robust.reporting.text import bytes_text, count_text


def write_report(
    manifest: Manifest,
    folder: Path,
    errors: ErrorSamples | None = None,
    photos: Sequence[Sequence[ShownPhoto]] = (),
) -> Path:
    """Writes ``folder/report.html`` and returns its path; without samples of errors it has no histograms."""
    title = manifest.recipe.title or manifest.recipe.name
    sections = [
        photo_section(photos),
        _parity(manifest),
        _npu(manifest),
        _plots(manifest, errors or {}),
        _interfaces(manifest),
        code_section(manifest),
        _placement(manifest),
        _operations(manifest),
        _origin(manifest),
        _hashes(manifest),
        _build(manifest),
    ]
    text = page(f"{title}: {verdict_text(manifest)}", _header(manifest, title), sections)
    write_atomically(folder / REPORT_NAME, text)
    return folder / REPORT_NAME


def _header(manifest: Manifest, title: str) -> Html:
    recipe, provenance, cost = manifest.recipe, manifest.provenance, manifest.overhead
    verdict: Verdict = "fail"
    if manifest.passed:
        verdict = "pass" if any(artifact.verdict == "pass" for artifact in manifest.artifacts) else "skipped"
    parts = [
        el("p", "mobile-robust · build report", class_="eyebrow"),
        el("h1", title),
        el("p", _pill(verdict, verdict_text(manifest)), class_="verdict"),
        el("p", f"{_lead(manifest)} The module {overhead_text(cost)}." if cost else _lead(manifest), class_="lead"),
    ]
    if provenance.label:
        weights = f"Module: {provenance.weights}. Backbone: {provenance.backbone}."
        parts.append(el("p", el("strong", provenance.label), el("span", weights), class_="label"))
    if provenance.warnings:
        parts.append(el("ul", *(el("li", warning) for warning in provenance.warnings), class_="label"))
    failures = [
        el("li", el("b", f"{missing.title} could not be made"), " ", missing.reason) for missing in manifest.failed
    ]
    failures += [
        el("li", el("b", f"{artifact.file} on {result.comparison}"), " ", sentence)
        for artifact in manifest.files
        for result in artifact.parity
        for sentence in result.failures
    ]
    if failures:
        parts.append(el("div", el("h2", "What failed"), el("ul", *failures), class_="failures"))
    artifacts = manifest.artifacts
    sizes = sorted(artifact.bytes for artifact in artifacts)
    tiles = [
        ("artifacts", str(len(artifacts))),
        ("smallest to largest", f"{bytes_text(sizes[0])} – {bytes_text(sizes[-1])}"),
        ("MACs per image", count_text(artifacts[0].macs)),
        ("parameters", count_text(artifacts[0].parameters)),
        ("RGB image", f"{recipe.input.size_text()}, 0–{recipe.input.range}"),
        ("built in", f"{sum(manifest.seconds.values()):.0f} s"),
    ]
    parts.append(el("dl", *(el("div", el("dt", name), el("dd", value)) for name, value in tiles), class_="tiles"))
    return el("header", *parts)


def _lead(manifest: Manifest) -> str:
    """What is built, in a sentence."""
    recipe = manifest.recipe
    if manifest.provenance.weights == "none":
        return f"{manifest.provenance.backbone}: the baseline to compare with, image → logits, without a module."
    backbone = f"on {recipe.backbone.name}" if recipe.backbone else "for any network"
    if recipe.backbone and recipe.backbone.layer:
        backbone += f" behind {recipe.backbone.layer}"
    if recipe.scope == "pipeline":
        return f"{recipe.method} {backbone}. Pipeline: image → logits, one file to drop into an app."
    what = f"Component {recipe.component}" if recipe.component else "Module"
    first = manifest.artifacts[0]
    names = [" and ".join(tensor.name for tensor in side) for side in (first.inputs, first.outputs)]
    return f"{recipe.method} {backbone}. {what}: {' → '.join(names)}."


def _parity(manifest: Manifest) -> Html:
    names = ["Artifact and runtime", "Size", "MACs", "Parameters", "Worst error", "Tolerance", "Verdict"]
    head = el("thead", el("tr", *(el("th", name, scope="col") for name in names)))
    largest = max(artifact.bytes for artifact in manifest.artifacts)
    bodies = [_parity_rows(artifact, largest) for artifact in manifest.artifacts]
    note = (
        "Errors are fractions of the reference output's range, over as many images as each runtime says, the first of: "
        f"{manifest.provenance.parity_images}. The reference is the PyTorch training form in float32."
    )
    table = el("div", el("table", head, *bodies, class_="parity"), class_="scroll")
    return section("Parity", table, el("p", note, class_="note"))


def _parity_rows(artifact: Artifact, largest: int) -> Html:
    described = f"{TARGETS[artifact.target].title} {artifact.precision}"
    rows = [
        el(
            "tr",
            el("th", artifact.file, el("small", described), scope="rowgroup"),
            el("td", bytes_text(artifact.bytes), _bar(artifact.bytes / largest), data_name="size"),
            el("td", count_text(artifact.macs), data_name="MACs"),
            el("td", count_text(artifact.parameters), data_name="parameters"),
            el("td", colspan=2),
            el("td", _pill(artifact.verdict, artifact.verdict)),
            class_="artifact",
        )
    ]
    for result in artifact.parity:
        rows.append(
            el(
                "tr",
                el("th", result.runtime, el("small", result.reason or _extent(result)), scope="row", colspan=4),
                el("td", worst_text(result) if result.metrics else "", data_name="worst error"),
                el("td", tolerance_text(result.tolerance) if result.metrics else "", data_name="tolerance"),
                el("td", _pill(result.verdict, result.verdict)),
                class_="runtime",
            )
        )
    return el("tbody", *rows)


def _npu(manifest: Manifest) -> Html:
    """The files compiled for chips."""
    if not manifest.npu:
        return Html("")
    rows, results = [], [result for npu in manifest.npu for result in npu.parity]
    for npu in manifest.npu:
        first = [npu.file, bytes_text(npu.bytes)]
        for result in npu.parity:
            measured = measured_cells(result)[:-1]  # the number of images is in the note
            rows.append([*first, result.against or "PyTorch", *measured, _pill(result.verdict, result.verdict)])
            first = [""] * len(first)
    head = ["File", "Size", "Against", "On the NPU", "Max error", "SNR", "Top-1", "Verdict"]
    made_with = dict.fromkeys(f"LiteRT {npu.litert} and Qualcomm's QAIRT {npu.qairt}" for npu in manifest.npu)
    bounds = dict.fromkeys(tolerance_text(result.tolerance) for result in results)
    images = max((result.images or 0 for result in results), default=0)
    note = (
        f"The int8 TFLite file compiled for the NPU of the chip in the name, with {' or '.join(made_with)}; what was "
        f"compiled was executed by Qualcomm's emulator, for {images} images. Allowed: {' or '.join(bounds)}. "
        f"Needs {manifest.npu[0].needs}."
    )
    table = Table.of(head, rows, left=["Against", "Verdict"]).html("plain numbers")
    return section("Compiled for NPUs", table, el("p", note, class_="note"))


def _extent(result: ParityResult) -> str:
    """How many images were compared, and where."""
    parts = [f"{result.images} image{'s' if result.images > 1 else ''}"] if result.images else []
    if found := result.placement:
        parts.append(f"{found.placed_ops} of {found.total_ops} operations on the {found.accelerator.upper()}")
    return ", ".join(parts)


def _plots(manifest: Manifest, errors: ErrorSamples) -> Html:
    comparisons = plots.rows(manifest)
    if not comparisons:
        return Html("")
    caption = "Band: what the tolerance allows; ● passed, ✖ failed. Rows without a band are checked by another metric."
    figures = [figure(plots.error_plot(comparisons), "Maximum error", caption)]
    caption = "The longer the better; the line is the tolerance."
    figures.append(figure(plots.snr_plot(comparisons), "Signal-to-noise ratio", caption))
    if any(row.measured.top1_agreement is not None for row in comparisons):
        caption = (
            "Images on which artifact and reference name the same class, with the 95 % interval: fails where all of it "
            "lies outside the band, which is what the tolerance allows."
        )
        figures.append(figure(plots.top1_plot(comparisons), "Top-1 agreement", caption))
    if any((sample > 0).any() for sample in errors.values()):
        caption = "Each row has its own height; the line is the tolerance for the largest error. Without exact values."
        figures.append(figure(plots.distribution_plot(comparisons, errors), "Spread of the errors", caption))
    return section("Parity plots", el("div", *figures, class_="plots"))


def _interfaces(manifest: Manifest) -> Html:
    """Inputs and outputs; artifacts that are called alike share a table."""
    grouped: dict[tuple[tuple[Tensor, ...], ...], list[str]] = {}
    for artifact in manifest.artifacts:
        grouped.setdefault((artifact.inputs, artifact.outputs), []).append(artifact.file)
    head = ["", "Name", "Shape", "Layout", "Type", "Range", "Quantization", "What it is"]
    blocks = []
    for (inputs, outputs), names in grouped.items():
        rows = [_tensor_row("input", tensor) for tensor in inputs]
        rows += [_tensor_row("output", tensor) for tensor in outputs]
        blocks += [el("h3", ", ".join(names)), Table.of(head, rows, left=head).html("plain tensors")]
    return section("Inputs and outputs", *blocks)


def _tensor_row(direction: str, tensor: Tensor) -> list[str]:
    low_high = f"{tensor.value_range[0]:g} … {tensor.value_range[1]:g}" if tensor.value_range else "unbounded"
    scale = "none"
    if quantized := tensor.quantization:
        sign = "-" if quantized.zero_point > 0 else "+"
        scale = f"{quantized.scale:.6g} × (q {sign} {abs(quantized.zero_point)})"
    shape = " × ".join(map(str, tensor.shape))
    note = el("small", tensor.normalization) if tensor.normalization else ""
    text = join(tensor.description, note)
    return [direction, el("code", tensor.name), shape, tensor.layout, tensor.dtype, low_high, scale, text]


def _placement(manifest: Manifest) -> Html:
    rows = []
    for artifact in manifest.artifacts:
        for result in artifact.parity:
            if found := result.placement:
                share = found.placed_ops / found.total_ops if found.total_ops else 1.0
                placed = join(f"{found.placed_ops} of {found.total_ops}", _bar(share, "" if share == 1 else " short"))
                counts = Counter(operation.split()[0] for operation in found.left_over)
                left = ", ".join(name if count == 1 else f"{count} {name}" for name, count in counts.items()) or "none"
                rows.append([artifact.file, result.runtime, found.accelerator.upper(), placed, left])
    if not rows:
        return Html("")
    head = ["Artifact", "Runtime", "Accelerator", "Placed", "Left over"]
    return section("Where the operations ran", Table.of(head, rows, left=head).html())


def _operations(manifest: Manifest) -> Html:
    """One table per target: operations down, its artifacts across."""
    tables = []
    for target, spec in TARGETS.items():
        artifacts = [artifact for artifact in manifest.artifacts if artifact.target == target]
        if not artifacts:
            continue
        total = {op: sum(a.operations.get(op, 0) for a in artifacts) for a in artifacts for op in a.operations}
        rows = [
            [el("code", op), *(str(artifact.operations.get(op, "·")) for artifact in artifacts)]
            for op in sorted(total, key=lambda op: (-total[op], op))
        ]
        rows.append([el("b", "all"), *(el("b", str(sum(artifact.operations.values()))) for artifact in artifacts)])
        head = [f"{spec.title} operation", *(artifact.precision for artifact in artifacts)]
        tables.append(Table.of(head, rows).html("counts"))
    return section("Operations in the files", el("div", *tables, class_="side"))


def _origin(manifest: Manifest) -> Html:
    recipe, provenance = manifest.recipe, manifest.provenance
    mean, std = (" / ".join(f"{x:g}" for x in triple) for triple in recipe.input.normalization)
    facts = [
        ("label", provenance.label),
        ("recipe", recipe.name),
        ("method", recipe.method),
        ("options", ", ".join(f"{key} = {value}" for key, value in recipe.options.items())),
        ("module weights", provenance.weights),
        ("their SHA-256", provenance.weights_sha256),
        ("backbone", provenance.backbone),
        ("its SHA-256", provenance.backbone_sha256),
        ("normalization inside", f"mean {mean}, std {std}"),
        ("input from", provenance.input),
        ("calibration", provenance.calibration),
        ("parity images", provenance.parity_images),
    ]
    return section("Where the numbers come from", fact_list((name, value) for name, value in facts if value))


def _hashes(manifest: Manifest) -> Html:
    rows = [[a.file, f"{a.bytes:,}", el("code", a.sha256)] for a in manifest.files]
    rows += [[s.file, "", el("code", s.sha256)] for s in (manifest.reference, manifest.weights)]
    again = join(
        "To verify these files again, in the folder of this page: ",
        el("code", "mobile-robust parity ."),
        f" It reads {MANIFEST_NAME}, checks every SHA-256 and runs every artifact against the stored reference.",
    )
    table = Table.of(["File", "Bytes", "SHA-256"], rows, left=["SHA-256"]).html()
    return section("Files", table, el("p", again, class_="again"))


def _build(manifest: Manifest) -> Html:
    longest = max(manifest.seconds.values(), default=1.0) or 1.0
    stages = [[stage, f"{s:.1f} s", _bar(s / longest)] for stage, s in manifest.seconds.items()]
    facts = [("created", manifest.created), ("machine", manifest.machine), ("fingerprint", manifest.fingerprint)]
    times = Table.of(["Stage", "Time", ""], stages).html("counts")
    return section("This build", el("div", times, fact_list([*facts, *manifest.tools.items()]), class_="side"))


def _pill(verdict: Verdict, text: str) -> Html:
    return el("span", f"{SYMBOLS[verdict]} {text}", class_=f"pill {verdict}")


def _bar(share: float, more: str = "") -> Html:
    return el("i", class_=f"bar{more}", style=f"--share:{share:.3f}")
