"""mobile-robust parity: verifies a built folder again against the PyTorch reference stored in it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from mobile_robust.contracts.manifest import Artifact
from mobile_robust.errors import InputError
from mobile_robust.options import at_least
from mobile_robust.parity.table import markdown, render_table
from mobile_robust.parity.verify import Verification, plan, walk_failing
from mobile_robust.reporting.console import make_console
from mobile_robust.reporting.progress import progress_bar
from mobile_robust.reporting.tables import Column, Table
from mobile_robust.reporting.text import count_of
from mobile_robust.runtimes import registry

if TYPE_CHECKING:
    from mobile_robust.parity.layers.walk import LayerReport

_EXAMPLES = """examples:
  mobile-robust parity build/afd_mobilenetv2
  mobile-robust parity build/* --runtime litert_cpu litert_gpu
  mobile-robust parity build/afd_mobilenetv2 --layers     where a failing TFLite file goes wrong
  mobile-robust parity build/* --runtime litert_arm64 --against litert_cpu     0.0e+00: equal to the bit

runtimes:
{runtimes}

Exit code: 0 all checks passed, 1 one failed, 2 bad input.
"""

_LAYER_COLUMNS = (
    Column("#"),
    Column("layer", "left", fold=True),
    Column("operation", "left"),
    Column("error"),
    Column("SNR"),
    Column("", "left"),
)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        prog="mobile-robust parity",
        description="Run every artifact of a build on every runtime of this machine and compare it with PyTorch.",
        epilog=_EXAMPLES.format(runtimes=registry.help_text()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("build", nargs="+", type=Path, metavar="DIR", help="folder of a finished build")
    p.add_argument("--runtime", nargs="+", metavar="NAME", help="only these; one that cannot run here is an error then")
    p.add_argument(
        "--against", metavar="NAME", help="compare with this runtime's outputs of the same file, not with PyTorch's"
    )
    images = "only the first N of the stored ones: quicker, says less"
    p.add_argument("--images", type=int, action=at_least(1), metavar="N", help=images)
    p.add_argument("--layers", action="store_true", help="walk failing TFLite files layer by layer, name the first bad")
    written = p.add_mutually_exclusive_group()
    written.add_argument("--json", action="store_true", help="print the results as JSON instead of tables")
    written.add_argument("--markdown", action="store_true", help="print one table of Markdown over all builds instead")
    return p


def main(arguments: list[str]) -> int:
    """Runs the command; 0 where every check passed, 1 where one failed."""
    options = parser().parse_args(arguments)
    if options.against and options.layers:
        raise InputError("--layers compares with PyTorch: leave out --against")
    plans = [plan(folder, options.runtime, options.images, options.against) for folder in options.build]
    console, done = make_console(), []
    for each in plans:
        seconds = sum(result.seconds for made in each.manifest.files for result in made.parity)
        took = f"all checks of the build took {seconds:.0f} s" if seconds else "some seconds each"
        notice = f"{each.manifest.recipe.name}: {count_of(each.steps, 'check')}; {took}"
        make_console(stderr=True).print(notice, style="dim", soft_wrap=True)
        with progress_bar(make_console(stderr=True), each.manifest.recipe.name, each.steps) as step:
            done.append(each.run(step))
        if not options.json and not options.markdown:
            _print(done[-1], options.layers, console)
    if options.markdown:
        print(markdown(verification.manifest for verification in done))
    if options.json:
        documents = [{"build": str(v.folder), "artifacts": list(map(_document, v.manifest.artifacts))} for v in done]
        print(json.dumps(documents, indent=2))
    return 0 if all(verification.passed for verification in done) else 1


def _document(artifact: Artifact) -> dict[str, object]:
    return {"file": artifact.file, "verdict": artifact.verdict, "parity": [r.model_dump() for r in artifact.parity]}


def _print(verification: Verification, layers: bool, console: Console) -> None:
    if verification.against:
        console.print(f"Compared with {verification.against}, not with PyTorch:", style="bold")
    render_table(verification.manifest, console)
    if layers:
        _print_layers(verification, console)


def _print_layers(verification: Verification, console: Console) -> None:
    """One table per failing TFLite file, and the first bad layer in words."""
    from mobile_robust.parity.layers.walk import first_bad  # PyTorch: not for --help

    walked = walk_failing(verification)
    if not walked:
        console.print("--layers: no TFLite file computes other values than PyTorch on the CPU")
    for file, reports in walked.items():
        console.print(Table(_LAYER_COLUMNS, [_layer_row(report) for report in reports], file).terminal())
        bad = first_bad(reports)
        if bad is None:
            console.print(f"{file}: no single layer is bad; the error is spread over all")
            continue
        console.print(f"first bad layer: {bad.name} ({bad.op}, operation {bad.index})", style="bold red")
        for failure in bad.failures:
            console.print(f"  {failure}")


def _layer_row(report: LayerReport) -> list[str | Text]:
    metrics = report.metrics
    error = f"{metrics.max_error:.1e}" if metrics else "not finite"
    snr = "" if metrics is None else "exact" if metrics.snr_db is None else f"{metrics.snr_db:.0f} dB"
    return [str(report.index), report.name, report.op, error, snr, "" if report.ok else Text("bad", style="red")]
