"""Command line of ``mobile-robust bench``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from mobile_robust.bench.android.cli import add_android
from mobile_robust.bench.instructions.cli import add_arm64
from mobile_robust.bench.ios.cli import add_ios
from mobile_robust.bench.models import split_argument
from mobile_robust.bench.protocol import WARM_UP_SECONDS
from mobile_robust.bench.run import benchmark
from mobile_robust.contracts.result import RESULT_NAME, Result
from mobile_robust.contracts.targets import TARGETS
from mobile_robust.errors import InputError
from mobile_robust.options import MOST_TIMES, add_measurement, add_threads, at_least
from mobile_robust.reporting.console import make_console
from mobile_robust.reporting.progress import progress_bar, work_bar
from mobile_robust.reporting.text import duration_text
from mobile_robust.runtimes import registry

_EXAMPLES = """examples:
  mobile-robust bench host build/afd_resnet50 build/resnet50 --precision fp32 --out bench/
  mobile-robust bench host --baselines build/afd_resnet50/afd_resnet50_int8.tflite --pin 2 --cool-down 5
  mobile-robust bench host build/afd_resnet50 --precision fp16 --runtime coreml_cpu coreml_npu
  mobile-robust bench android build/afd_resnet50 build/resnet50
  mobile-robust bench ios build/afd_resnet50 build/resnet50 --team ABCDE12345
  mobile-robust bench arm64 build/afd_resnet50
  mobile-robust bench report bench/result.json phone/result.json --base resnet50 --out report/
  mobile-robust bench report bench/result.json --scores scores/scores.json --out report/

host: the mean over the test set, ten times, mean of the means; models take turns (A B C A B C), each in a process of
its own, warmed up before every repetition for at least 1 s and 5 inferences; then each with the base in one process,
inference by inference (A B B A), for ratios that other load on the machine does not spoil. A run that was stopped is
resumed when the command is given again. An accelerator that does not take every operation is an error, never a number.
Exit code: 0 all measured, 1 some model could not be, 2 bad input.
"""
_BASE = "recipe that ratios are to (default: resnet50 where it is, else the first)"


def main(arguments: list[str]) -> int:
    """Runs the command."""
    options = _parser().parse_args(arguments)
    return int(options.run(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mobile-robust bench",
        description="Latency of the files that ship: measured on this host or on phones, reported for any device.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_host(commands.add_parser("host", help="measure TFLite files on this machine, Core ML packages on a Mac"))
    add_android(commands.add_parser("android", help="measure TFLite files on phones, and verify them there"))
    add_ios(commands.add_parser("ios", help="measure Core ML packages on iPhones, and verify them there"))
    add_arm64(commands.add_parser("arm64", help="count the instructions of TFLite files on a phone's CPU kernels"))
    _add_report(commands.add_parser("report", help="tables and plots of one or more results"))
    return parser


def _add_host(host: argparse.ArgumentParser) -> None:
    host.set_defaults(run=_host)
    timed = [name for name, info in registry.runtimes().items() if info.timed]
    add_measurement(host, list(TARGETS), 1.0)
    add_threads(host, 1, "litert_cpu")
    add = host.add_argument
    names = f"{', '.join(timed)} (default: litert_cpu)"
    add("--runtime", nargs="+", choices=timed, default=["litert_cpu"], metavar="NAME", help=names)
    add("--baselines", action="store_true", help="also the peers of the paper's table; what is missing is built first")
    cores = "cores litert_cpu has to stay on, or none (default: the fastest, one a thread)"
    add("--pin", nargs="+", metavar="CPU", help=cores)
    turns = "then every model takes turns with the base, inference by inference, N times (%(default)s)"
    add("--pairs", type=int, action=at_least(0, most=MOST_TIMES), default=60, metavar="N", help=turns)
    add("--base", metavar="NAME", help=_BASE)
    add("--out", type=Path, default=Path("bench"), metavar="DIR", help=f"gets {RESULT_NAME} (%(default)s)")


def _add_report(report: argparse.ArgumentParser) -> None:
    report.set_defaults(run=_report)
    add = report.add_argument
    add("results", nargs="+", type=Path, metavar="RESULT", help="result.json of host or of an app")
    add("--out", type=Path, required=True, metavar="DIR", help="gets report.html, table.md, .csv, .json")
    add("--base", metavar="NAME", help=_BASE)
    scores = "scores.json of evaluate, for the accuracy"
    add("--scores", nargs="+", type=Path, default=[], metavar="FILE", help=scores)


def _host(options: argparse.Namespace) -> int:
    pin, console = _cores(options.pin), make_console(stderr=True)
    builds = [*options.builds, *(_baselines(options.builds, console) if options.baselines else [])]
    begun = False
    with work_bar(console, "repetitions") as show:

        def on_progress(what: str, done: int, total: int) -> None:
            nonlocal begun
            if not begun:
                begun = True
                waits = duration_text((total - done) * (options.cool_down + WARM_UP_SECONDS))
                said = f"{total - done} repetitions of the test set; cooling down and warming up alone take {waits}"
                console.print(said, soft_wrap=True)
            show(what, done, total)

        result = benchmark(
            builds,
            options.out,
            runtimes=options.runtime,
            precisions=options.precision,
            images=options.images,
            repetitions=options.repetitions,
            threads=options.threads,
            pin=pin,
            cool_down=options.cool_down,
            pairs=options.pairs,
            base=options.base,
            on_progress=on_progress,
            on_warning=lambda sentence: console.print(Text(sentence, "yellow"), soft_wrap=True),
        )
    _show(result, options.out / RESULT_NAME, options.base)
    return 1 if any(run.errors for run in result.runs) else 0


def _cores(pin: Sequence[str] | None) -> list[int] | None:
    """Of --pin: None where it was not given, nothing for "none"."""
    if pin is None:
        return None
    if pin == ["none"]:
        return []
    if wrong := [core for core in pin if not (core.isascii() and core.isdecimal() and len(core) < 10)]:
        raise InputError(f"--pin {' '.join(wrong)}: give the numbers of cores, or none")
    return [int(core) for core in pin]


def _baselines(builds: Sequence[Path], console: Console) -> list[Path]:
    """Folders of the peers, beside those given; what is missing there is built."""
    from mobile_robust.contracts.manifest import MANIFEST_NAME
    from mobile_robust.export.build import convert, count_steps
    from mobile_robust.methods.registry import peers
    from mobile_robust.recipes import load_recipe

    out = Path("build")
    if builds:
        folder, _ = split_argument(builds[0])
        out = folder.resolve().parent
    for name in peers():
        if not (out / name / MANIFEST_NAME).is_file():
            recipe = load_recipe(name)
            with progress_bar(console, f"building {name}", count_steps(recipe)) as step:
                convert(recipe, out, on_step=step)
    return [out / name for name in peers()]


def _show(result: Result, path: Path, base: str | None) -> None:
    from mobile_robust.bench.table import print_table, tabulate

    console = make_console()
    print_table(tabulate([result], base), console)
    for run in result.runs:
        for error in run.errors:
            console.print(Text(f"{run.artifact} on {run.runtime.name}: {error.where}: {error.message}", "red"))
    console.print(Text(str(path)), soft_wrap=True)


def _report(options: argparse.Namespace) -> int:
    from mobile_robust.bench.report import write
    from mobile_robust.bench.table import print_table

    report, console = write(options.results, options.out, base=options.base, scores=options.scores), make_console()
    print_table(report.summary, console)
    for file in report.files:
        console.print(Text(str(file)), soft_wrap=True)
    return 0
