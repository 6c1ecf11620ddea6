"""Command line of ``python -m mobile_robust.bench``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from mobile_robust.bench.android.cli import add_android
from mobile_robust.bench.instructions.cli import add_arm64
from mobile_robust.contracts.precisions import precisions_of
from mobile_robust.contracts.result import RESULT_NAME, Result
from mobile_robust.errors import InputError
from mobile_robust.files import alone_in

_EXAMPLES = """examples:
  python -m mobile_robust.bench host build/afd_resnet50 build/resnet50 --precision fp32 --out bench/
  python -m mobile_robust.bench host --baselines build/afd_resnet50/afd_resnet50_int8.tflite --pin 2 --cool-down 5
  python -m mobile_robust.bench host build/afd_mobilenetv2 --profile
  python -m mobile_robust.bench android build/afd_resnet50 build/resnet50
  python -m mobile_robust.bench arm64 build/afd_resnet50
  python -m mobile_robust.bench report bench/result.json phone/result.json --base resnet50 --out report/
  python -m mobile_robust.bench report bench/result.json --scores scores/scores.json --out report/

host: the mean over the test set, ten times, mean of the means; models take turns (A B C A B C), each in a process of
its own, warmed up before every repetition for at least 1 s and 5 inferences. A run that was stopped goes on when the
command is given again. An accelerator that does not take every operation is an error, never a number.
Exit code: 0 all measured, 1 some model could not be, 2 bad input.
"""


def main(arguments: list[str]) -> int:
    """Runs the command.

    Raises:
        InputError: See the functions it calls; the message names the file or the option.
    """
    options = _parser().parse_args(arguments)
    return int(options.run(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mobile_robust.bench",
        description="Latency of the files that ship: measured on this host or on phones, reported for any device.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_host(commands.add_parser("host", help="measure TFLite files on this machine"))
    add_android(commands.add_parser("android", help="measure TFLite files on phones, and prove them there"))
    add_arm64(commands.add_parser("arm64", help="count the instructions of TFLite files on a phone's CPU kernels"))
    _add_report(commands.add_parser("report", help="tables and plots of one or more results"))
    return parser


def _add_host(host: argparse.ArgumentParser) -> None:
    host.set_defaults(run=_host)
    host.add_argument(
        "builds", nargs="*", type=Path, metavar="DIR", help="folder of a finished build, or one TFLite file in one"
    )
    host.add_argument(
        "--runtime",
        nargs="+",
        choices=("litert_cpu", "litert_gpu"),
        default=["litert_cpu"],
        metavar="NAME",
        help="litert_cpu, litert_gpu (default: litert_cpu)",
    )
    host.add_argument(
        "--precision", nargs="+", choices=precisions_of("tflite"), default=[], help="only these (default: all)"
    )
    host.add_argument("--threads", type=int, default=1, metavar="N", help="of litert_cpu (%(default)s)")
    host.add_argument("--repetitions", type=int, default=10, metavar="N", help="of the test set (%(default)s)")
    host.add_argument(
        "--images", type=Path, metavar="DIR", help="test set (default: 20 photos from installed packages)"
    )
    host.add_argument(
        "--baselines", action="store_true", help="also the peers of the paper's table; what is missing is built first"
    )
    host.add_argument(
        "--pin",
        nargs="+",
        metavar="CPU",
        help="cores litert_cpu has to stay on, or none (default: the fastest, one a thread)",
    )
    host.add_argument(
        "--cool-down", type=float, default=1.0, metavar="S", help="idle seconds before every repetition (%(default)s)"
    )
    host.add_argument(
        "--out", type=Path, default=Path("bench"), metavar="DIR", help=f"gets {RESULT_NAME} (%(default)s)"
    )
    host.add_argument(
        "--profile", action="store_true", help="instead: the slowest operations of each file on litert_cpu"
    )


def _add_report(report: argparse.ArgumentParser) -> None:
    report.set_defaults(run=_report)
    report.add_argument("results", nargs="+", type=Path, metavar="RESULT", help="result.json of host or of an app")
    report.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="gets report.html, table.md, .csv, .json"
    )
    report.add_argument(
        "--base", metavar="NAME", help="recipe that ratios are to (default: resnet50 where it is, else the first)"
    )
    report.add_argument(
        "--scores", nargs="+", type=Path, default=[], metavar="FILE", help="scores.json of evaluate, for the accuracy"
    )


def _host(options: argparse.Namespace) -> int:
    for name, value, least in (("threads", options.threads, 1), ("repetitions", options.repetitions, 1)):
        if value < least:
            raise InputError(f"--{name} {value}: must be {least} or more")
    if not 0 <= options.cool_down < float("inf"):
        raise InputError(f"--cool-down {options.cool_down:g}: must be 0 or more seconds")
    if not options.builds and not options.baselines:
        raise InputError("nothing to measure: give the folder of a finished build, or --baselines")
    pin = _cores(options.pin)
    from mobile_robust.bench.models import resolve

    console = Console(stderr=True)
    folders = [*options.builds, *(_baselines(options.builds, console) if options.baselines else [])]
    models = resolve(folders, options.precision, options.runtime)
    _make_folder(options.out)
    if options.profile:
        from mobile_robust.bench.profile import profile_all

        profile_all(models, options.threads, options.out, Console())
        return 0
    from mobile_robust.bench.host.session import measure
    from mobile_robust.bench.inputs import Photos
    from mobile_robust.bench.protocol import make_protocol

    photos = Photos(options.images)
    protocol = make_protocol(photos.described(), options.repetitions, options.threads, pin, options.cool_down)
    path = options.out / RESULT_NAME
    columns = BarColumn(), MofNCompleteColumn(), TextColumn("repetitions"), TimeElapsedColumn()
    progress = Progress(*columns, TextColumn("{task.description}"), console=console, transient=True)
    with alone_in(options.out), progress:
        bar = progress.add_task("", total=protocol.repetitions * len(models))
        result = measure(
            models, protocol, photos, path, lambda what, done: progress.update(bar, completed=done, description=what)
        )
    _show(result, path)
    return 1 if any(run.errors for run in result.runs) else 0


def _cores(pin: Sequence[str] | None) -> list[int] | None:
    """Of --pin: None where it was not given, nothing for "none"."""
    if pin is None:
        return None
    if pin == ["none"]:
        return []
    if wrong := [core for core in pin if not core.isdecimal()]:
        raise InputError(f"--pin {' '.join(wrong)}: give the numbers of cores, or none")
    return [int(core) for core in pin]


def _baselines(builds: Sequence[Path], console: Console) -> list[Path]:
    """Folders of the peers, beside those given; what is missing there is built."""
    from mobile_robust.contracts.manifest import MANIFEST_NAME
    from mobile_robust.contracts.recipe import load_recipe
    from mobile_robust.convert.build import convert, count_steps
    from mobile_robust.methods.baselines.network import BASELINES
    from mobile_robust.parity.table import progress_bar

    out = Path("build")
    if builds:
        folder = builds[0].parent if builds[0].suffix == ".tflite" else builds[0]
        out = folder.resolve().parent
    for name in BASELINES:
        if not (out / name / MANIFEST_NAME).is_file():
            recipe = load_recipe(name)
            with progress_bar(console, f"building {name}", count_steps(recipe)) as step:
                convert(recipe, out, on_step=step)
    return [out / name for name in BASELINES]


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out {path}: cannot be made: {error.strerror}") from None


def _show(result: Result, path: Path) -> None:
    from mobile_robust.bench.table import print_table, tabulate

    console = Console()
    print_table(tabulate([result], None), console)
    for run in result.runs:
        for error in run.errors:
            console.print(f"{run.artifact} on {run.runtime.name}: {error.where}: {error.message}", style="red")
    console.print(str(path), highlight=False, markup=False, soft_wrap=True)


def _report(options: argparse.Namespace) -> int:
    from mobile_robust.bench.report import read_all, write_report
    from mobile_robust.bench.table import print_table

    results, skipped = read_all(options.results)
    _make_folder(options.out)
    summary, written = write_report(results, options.base, options.scores, skipped, options.out)
    console = Console()
    print_table(summary, console)
    console.print("\n".join(map(str, written)), highlight=False, markup=False, soft_wrap=True)
    return 0
