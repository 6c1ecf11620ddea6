"""Command line of ``mobile-robust bench android``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from mobile_robust.contracts.result import RESULT_NAME
from mobile_robust.errors import InputError
from mobile_robust.options import add_measurement, checked
from mobile_robust.reporting.console import make_console

if TYPE_CHECKING:  # they import PyTorch: not for --help
    from mobile_robust.bench.device.measure import DeviceMeasurement, MeasurementStep, Notify

#: Where the APK is built: not build/, whose folders are all builds of recipes.
_APK_FOLDER = Path("dist")

EXAMPLES = """examples:
  mobile-robust bench android build/afd_resnet50 build/resnet50
  mobile-robust bench android build/afd_resnet50 --accelerator gpu --precision fp16 --serial R58M123ABC
  mobile-robust bench android build/resnet50 --serial 192.168.0.7:5555 R58M123ABC --keep
  mobile-robust bench android --build

Plug a phone in, turn on USB debugging in its developer options, and answer its question with Allow. The app is built
(or taken from --apk), installed, given the files, monitored, and removed again; its outputs are compared with PyTorch.
A run that was stopped, or a cable that was pulled, is resumed when the command is given again.
Exit code: 0 all measured and equal to PyTorch, 1 some model was not, 2 bad input or a phone that cannot be measured on.
"""


def add_android(android: argparse.ArgumentParser) -> None:
    """The options."""
    android.set_defaults(run=run)
    android.formatter_class, android.epilog = argparse.RawDescriptionHelpFormatter, EXAMPLES
    add_measurement(android, 4, "the CPU", 2.0)
    add = android.add_argument
    add(
        "--serial", nargs="+", default=[], metavar="S", help="phones, as adb devices lists them (default: the only one)"
    )
    add("--accelerator", nargs="+", choices=("cpu", "gpu"), default=["cpu", "gpu"], help="default: both")
    is_there = checked(lambda path: None if path.is_file() else "no such file")
    add("--apk", type=Path, action=is_there, metavar="FILE", help=f"the app (default: built into {_APK_FOLDER})")
    add("--build", action="store_true", help="build the app, say where it is, and do nothing else")
    add("--keep", action="store_true", help="leave the app and its files on the phone")
    add("--out", type=Path, default=Path("bench"), metavar="DIR", help=f"gets SERIAL/{RESULT_NAME} (%(default)s)")


def run(options: argparse.Namespace) -> int:
    """Runs the command; raises InputError where a person must do something, such as about a phone."""
    console = make_console(stderr=True)
    if options.build:
        from mobile_robust.bench.android.apk.build import build_apk

        apk = build_apk(_APK_FOLDER, lambda line: console.print(line, style="dim"))
        _print(str(apk))
        return 0
    if not options.builds:
        raise InputError("nothing to measure: give the folder of a finished build, or --build")
    from mobile_robust.bench.android.measure import measure_on_android

    with _bars(console) as notify:
        measured = measure_on_android(
            options.builds,
            options.out,
            serials=options.serial,
            accelerators=options.accelerator,
            precisions=options.precision,
            threads=options.threads,
            repetitions=options.repetitions,
            images=options.images,
            cool_down=options.cool_down,
            apk=options.apk,
            apk_folder=_APK_FOLDER,
            keep=options.keep,
            notify=notify,
            on_warning=lambda sentence: console.print(Text(sentence, "yellow"), soft_wrap=True),
        )
    code, failures = 0, []
    for end in measured.values():
        if isinstance(end, InputError):
            failures.append(str(end))
        else:
            _print_measurement(end)
            code = code if end.passed else 1
    if failures:
        raise InputError("\n".join(failures))
    return code


@contextmanager
def _bars(console: Console) -> Iterator[Notify]:
    """A progress bar a device; before and after these, one for the command's own steps."""
    columns = TextColumn("{task.fields[serial]}"), BarColumn(), MofNCompleteColumn(), TextColumn("repetitions")
    text = TextColumn("{task.description}")
    with Progress(*columns, TimeElapsedColumn(), text, console=console, transient=True) as progress:
        command = progress.add_task("", serial="", total=None, visible=False)
        devices: dict[str, TaskID] = {}

        def show(step: MeasurementStep) -> None:
            progress.update(command, description=step.what, visible=step.serial is None)
            if step.serial is not None:
                if step.serial not in devices:
                    devices[step.serial] = progress.add_task("", serial=step.serial, total=step.total)
                progress.update(devices[step.serial], completed=step.done, description=step.what)

        yield show


def _print_measurement(measurement: DeviceMeasurement) -> None:
    from mobile_robust.bench.device.table import print_parity
    from mobile_robust.bench.table import print_table, tabulate

    console, result = make_console(), measurement.result
    print_table(tabulate([result], None), console)
    print_parity(measurement.parity, console)
    for run in result.runs:
        for message, where in {error.message: error.where for error in reversed(run.errors)}.items():  # each once
            _print(f"{run.artifact} on {run.runtime.name}: {where}: {message}", "red")
    for error in result.errors:
        _print(f"{error.where}: {error.message}", "red")
    _print(str(measurement.path))


def _print(text: str, style: str | None = None) -> None:
    make_console().print(text, style=style, soft_wrap=True)
