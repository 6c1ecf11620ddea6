"""Command line of ``python -m mobile_robust.bench android``."""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from mobile_robust.contracts.precisions import precisions_of
from mobile_robust.contracts.result import RESULT_NAME, Result
from mobile_robust.errors import InputError

if TYPE_CHECKING:  # they import PyTorch: not for --help
    from mobile_robust.bench.device.task import Task
    from mobile_robust.bench.inputs import Photos

EXAMPLES = """examples:
  python -m mobile_robust.bench android build/afd_resnet50 build/resnet50
  python -m mobile_robust.bench android build/afd_resnet50 --accelerator gpu --precision fp16 --serial R58M123ABC
  python -m mobile_robust.bench android build/resnet50 --serial 192.168.0.7:5555 R58M123ABC --keep
  python -m mobile_robust.bench android --build

Plug a phone in, turn on USB debugging in its developer options, and answer its question with Allow. The app is built
(or taken from --apk), installed, given the files, watched, and removed again; what its runtime answers is compared with
PyTorch. A run that was stopped, or a cable that was pulled, goes on when the command is given again.
Exit code: 0 all measured and equal to PyTorch, 1 some model was not, 2 bad input or a phone that cannot be measured on.
"""
#: Where the APK is built.
_BUILD = Path("dist")  # not build/, whose folders are all builds of recipes


def add_android(android: argparse.ArgumentParser) -> None:
    """The options."""
    android.set_defaults(run=run)
    android.formatter_class, android.epilog = argparse.RawDescriptionHelpFormatter, EXAMPLES
    android.add_argument(
        "builds", nargs="*", type=Path, metavar="DIR", help="folder of a finished build, or one TFLite file in one"
    )
    android.add_argument(
        "--serial", nargs="+", default=[], metavar="S", help="phones, as adb devices lists them (default: the only one)"
    )
    android.add_argument(
        "--accelerator", nargs="+", choices=("cpu", "gpu"), default=["cpu", "gpu"], help="default: both"
    )
    android.add_argument(
        "--precision", nargs="+", choices=precisions_of("tflite"), default=[], help="only these (default: all)"
    )
    android.add_argument("--threads", type=int, default=4, metavar="N", help="of the CPU (%(default)s)")
    android.add_argument("--repetitions", type=int, default=10, metavar="N", help="of the test set (%(default)s)")
    android.add_argument(
        "--images", type=Path, metavar="DIR", help="test set (default: 20 photos from installed packages)"
    )
    android.add_argument(
        "--cool-down", type=float, default=2.0, metavar="S", help="idle seconds before every repetition (%(default)s)"
    )
    android.add_argument("--apk", type=Path, metavar="FILE", help=f"the app (default: built into {_BUILD})")
    android.add_argument("--build", action="store_true", help="build the app, say where it is, and do nothing else")
    android.add_argument("--keep", action="store_true", help="leave the app and its files on the phone")
    android.add_argument(
        "--out", type=Path, default=Path("bench"), metavar="DIR", help=f"gets SERIAL/{RESULT_NAME} (%(default)s)"
    )


def run(options: argparse.Namespace) -> int:
    """Runs the command.

    Raises:
        InputError: Bad options, a phone that cannot be measured on, or anything a person must do about one.
    """
    console = Console(stderr=True)
    if options.build:
        from mobile_robust.bench.android.apk.build import build_apk

        _print(str(build_apk(_BUILD, lambda line: console.print(line, style="dim", markup=False, highlight=False))))
        return 0
    for name, value in (("threads", options.threads), ("repetitions", options.repetitions)):
        if value < 1:
            raise InputError(f"--{name} {value}: must be 1 or more")
    if not 0 <= options.cool_down < float("inf"):
        raise InputError(f"--cool-down {options.cool_down:g}: must be 0 or more seconds")
    if not options.builds:
        raise InputError("nothing to measure: give the folder of a finished build, or --build")
    if options.apk is not None and not options.apk.is_file():
        raise InputError(f"--apk {options.apk}: no such file")
    from mobile_robust.bench.android.adb import choose, find_adb
    from mobile_robust.bench.device.devices import Setting, measure_all
    from mobile_robust.bench.device.task import Task, choose_models
    from mobile_robust.bench.inputs import Photos, TestSets
    from mobile_robust.bench.protocol import make_protocol

    adb = find_adb()
    serials = choose(adb, options.serial)
    models = choose_models(options.builds, options.precision, options.accelerator)
    photos = Photos(options.images)
    protocol = make_protocol(photos.described(), options.repetitions, options.threads, [], options.cool_down)
    setting = Setting(adb, options.apk or _apk(console), options.keep)
    with TemporaryDirectory() as folder:
        with console.status("making the test set"):
            sets = TestSets(photos, Path(folder))
            task = Task(models, [sets.of(model) for model in models], protocol)
        with _bars(console) as bars:
            each = {s: bars.add_task("", total=protocol.repetitions * len(models), phone=s) for s in serials}
            ends = measure_all(
                serials,
                task,
                options.out,
                setting,
                lambda serial, what, done: bars.update(each[serial], completed=done, description=what),
            )
    return _report(ends, task, photos, options.out)


def _bars(console: Console) -> Progress:
    columns = TextColumn("{task.fields[phone]}"), BarColumn(), MofNCompleteColumn(), TextColumn("repetitions")
    return Progress(
        *columns, TimeElapsedColumn(), TextColumn("{task.description}", markup=False), console=console, transient=True
    )


def _report(ends: dict[str, Result | InputError], task: Task, photos: Photos, out: Path) -> int:
    """Shows what came of every phone."""
    from mobile_robust.bench.device.devices import folder_of
    from mobile_robust.bench.device.outputs import Answers
    from mobile_robust.bench.device.parity import Prover, print_proofs
    from mobile_robust.bench.table import print_table, tabulate

    console, prover, code = Console(), Prover(task.models, photos), 0
    for serial, result in ends.items():
        if isinstance(result, InputError):
            continue
        folder = folder_of(out, serial)
        print_table(tabulate([result], None), console)
        with console.status("comparing with PyTorch"):
            proofs = prover.prove(result, Answers(folder))
        print_proofs(proofs, console)
        for run in result.runs:
            for message, where in {error.message: error.where for error in reversed(run.errors)}.items():  # each once
                _print(f"{run.artifact} on {run.runtime.name}: {where}: {message}", "red")
        for error in result.errors:
            _print(f"{error.where}: {error.message}", "red")
        if result.errors or any(r.errors for r in result.runs) or any(p.verdict.verdict == "fail" for p in proofs):
            code = 1
        _print(str(folder / RESULT_NAME))
    if problems := [str(end) for end in ends.values() if isinstance(end, InputError)]:
        raise InputError("\n".join(problems))
    return code


def _apk(console: Console) -> Path:
    """Built where it was not yet, or not from these sources."""
    from mobile_robust.bench.android.apk.build import build_apk, current_apk

    with console.status("building the app") as status:
        return current_apk(_BUILD) or build_apk(_BUILD, status.update)


def _print(text: str, style: str | None = None) -> None:
    Console().print(text, style=style, highlight=False, markup=False, soft_wrap=True)
