"""python -m mobile_robust.parity: proves a built folder again against the PyTorch reference stored in it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from mobile_robust.contracts.manifest import Artifact, Manifest, read_manifest, verify_hashes
from mobile_robust.errors import InputError, unknown
from mobile_robust.parity.table import render_table
from mobile_robust.reporting.progress import progress_bar

EXAMPLES = """examples:
  python -m mobile_robust.parity build/afd_mobilenetv2
  python -m mobile_robust.parity build/* --runtime litert_cpu litert_gpu
  python -m mobile_robust.parity build/afd_mobilenetv2 --layers     where a failing TFLite file goes wrong
  python -m mobile_robust.parity build/* --runtime litert_arm64 --against litert_cpu     0.0e+00: equal to the bit

runtimes: litert_cpu (XNNPACK), litert_gpu (GPU engine, every operation must be on it), gpu_delegate_ops (the op table
of Android's GPU delegate), coreml_mil (executes the saved package's operations in PyTorch), coreml_device (macOS).
Only where named, for they are slow: litert_arm64 (a Snapdragon 865's kernels, emulated; fp16 files in half precision)
and litert_armv9 (a newer phone's); python -m mobile_robust.arm64 setup makes them available.
Exit code: 0 all checks passed, 1 one failed, 2 bad input.
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        prog="python -m mobile_robust.parity",
        description="Run every artifact of a build on every runtime of this machine and compare it with PyTorch.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("build", nargs="+", type=Path, metavar="DIR", help="folder of a finished build")
    p.add_argument("--runtime", nargs="+", metavar="NAME", help="only these; one that cannot run here is an error then")
    p.add_argument(
        "--against", metavar="NAME", help="compare with this runtime's answers to the same file, not with PyTorch's"
    )
    p.add_argument("--images", type=int, metavar="N", help="only the first N of the stored ones: quicker, proves less")
    p.add_argument("--layers", action="store_true", help="walk failing TFLite files layer by layer, name the first bad")
    p.add_argument("--json", action="store_true", help="print the results as JSON instead of tables")
    return p


def main(arguments: list[str]) -> int:
    """Runs the command; 0 where every check passed, 1 where one failed.

    Raises:
        InputError: No finished build, changed files, unknown runtime, or a runtime asked for that cannot run here.
    """
    options = parser().parse_args(arguments)
    if options.images is not None and options.images < 1:
        raise InputError(f"--images {options.images}: must be 1 or more")
    manifests = [(folder, read_manifest(folder)) for folder in options.build]
    for folder, manifest in manifests:
        verify_hashes(manifest, folder)
    from mobile_robust.parity.check import CHECKS, RUNTIMES, require, select_checks  # imports PyTorch: not for --help

    checks = select_checks(options.runtime)
    if options.runtime:
        require(checks)
    if options.against:
        if options.against not in RUNTIMES:
            raise unknown("runtime", options.against, RUNTIMES)
        if options.layers:
            raise InputError("--layers compares with PyTorch: leave out --against")
        require([options.against])
        checks = [name for name in checks if CHECKS[name] == CHECKS[options.against]]
    for folder, manifest in manifests:
        if not {artifact.target for artifact in manifest.artifacts}.intersection(CHECKS[name] for name in checks):
            raise InputError(f"{folder}: holds no file that {' or '.join(checks) or options.against} runs")
    console, passed, documents = Console(), True, []
    for folder, manifest in manifests:
        proven = _prove(folder, manifest, checks, options.against, options.images)
        passed &= proven.passed
        documents.append({"build": str(folder), "artifacts": [_document(a) for a in proven.artifacts]})
        if not options.json:
            if options.against:
                console.print(f"Compared with {options.against}, not with PyTorch:", style="bold")
            render_table(proven, console)
            if options.layers:
                _walk_failing(folder, proven, console)
    if options.json:
        print(json.dumps(documents, indent=2))
    return 0 if passed else 1


def _prove(
    folder: Path, manifest: Manifest, checks: Sequence[str], against: str | None, images: int | None
) -> Manifest:
    """The manifest with this run's results in the place of the build's."""
    from mobile_robust.parity.check import CHECKS, answered_by, prove
    from mobile_robust.parity.reference import load_reference

    recipe = manifest.recipe
    reference = load_reference(folder / manifest.reference.file, recipe.input.range / 255)
    if images is not None:
        reference = reference.first(images)
    steps = sum(CHECKS[name] == artifact.target for artifact in manifest.artifacts for name in checks)
    artifacts = []
    with progress_bar(Console(stderr=True), recipe.name, steps) as step:
        for artifact in manifest.artifacts:
            path, expected = folder / artifact.file, reference
            if against and artifact.target == CHECKS[against]:
                expected = answered_by(against, path, reference)
            results, _ = prove(path, artifact.target, recipe.tolerance(artifact.precision), expected, checks, step)
            artifacts.append(artifact.model_copy(update={"parity": tuple(results)}))
    return manifest.model_copy(update={"artifacts": tuple(artifacts)})


def _document(artifact: Artifact) -> dict[str, object]:
    return {"file": artifact.file, "verdict": artifact.verdict, "parity": [r.model_dump() for r in artifact.parity]}


def _walk_failing(folder: Path, manifest: Manifest, console: Console) -> None:
    """One table per failing TFLite file, on the first stored image, and the first bad layer in words."""
    import torch

    from mobile_robust.parity.layers.walk import first_bad, walk
    from mobile_robust.parity.reference import load_reference
    from mobile_robust.systems import rebuild

    failing = [a for a in manifest.artifacts if a.target == "tflite" and a.verdict == "fail"]
    if not failing:
        console.print("--layers: no TFLite file failed", highlight=False)
        return
    recipe = manifest.recipe
    reference = load_reference(folder / manifest.reference.file, recipe.input.range / 255)
    system = rebuild(folder, manifest)
    model_inputs = tuple(torch.from_numpy(x) for x in reference.inputs(0, "NCHW").values())
    for artifact in failing:
        reports = walk(
            folder / artifact.file,
            system.deploy,
            reference.inputs(0, "NHWC"),
            model_inputs,
            recipe.tolerance(artifact.precision),
        )
        table = Table("#", "layer", "operation", "error", "SNR", "", title=artifact.file, title_justify="left")
        for report in reports:
            metrics = report.metrics
            error = f"{metrics.max_error:.1e}" if metrics else "not finite"
            snr = "" if metrics is None else "exact" if metrics.snr_db is None else f"{metrics.snr_db:.0f} dB"
            table.add_row(str(report.index), report.name, report.op, error, snr, "" if report.ok else "[red]bad[/]")
        console.print(table)
        bad = first_bad(reports)
        if bad is None:
            console.print(f"{artifact.file}: no single layer is bad; the error is spread over all", highlight=False)
        else:
            console.print(f"first bad layer: {bad.name} ({bad.op}, operation {bad.index})", style="bold red")
            for failure in bad.failures:
                console.print(f"  {failure}", highlight=False, markup=False)
