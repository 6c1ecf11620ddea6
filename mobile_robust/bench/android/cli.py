"""Command line of ``python -m mobile_robust.bench android``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from mobile_robust.contracts.precisions import precisions_of
from mobile_robust.contracts.result import RESULT_NAME
from mobile_robust.errors import InputError

if TYPE_CHECKING:  # they import PyTorch: not for --help
    from mobile_robust.bench.device.devices import Step
    from mobile_robust.bench.device.measure import DeviceMeasurement

#: Where the APK is built: not build/, whose folders are all builds of recipes.
_APK_FOLDER = Path("dist")

EXAMPLES = """examples:
  python -m mobile_robust.bench android build/afd_resnet50 build/resnet50
  python -m mobile_robust.bench android build/afd_resnet50 --accelerator gpu --precision fp16 --serial R58M123ABC
  python -m mobile_robust.bench android build/resnet50 --serial 192.168.0.7:5555 R58M123ABC --keep
  python -m mobile_robust.bench android --build

Plug a phone in, turn on USB debugging in its developer options, and answer its question with Allow. The app is built
(or taken from --apk), installed, given the files, monitored, and removed again; its outputs are compared with PyTorch.
A run that was stopped, or a cable that was pulled, is resumed when the command is given again.
Exit code: 0 all measured and equal to PyTorch, 1 some model was not, 2 bad input or a phone that cannot be measured on.
"""


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
    android.add_argument("--apk", type=Path, metavar="FILE", help=f"the app (default: built into {_APK_FOLDER})")
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

        _print(
            str(build_apk(_APK_FOLDER, lambda line: console.print(line, style="dim", markup=False, highlight=False)))
        )
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
    from mobile_robust.bench.android.measure import measure_on_android

    with _Bars(console) as bars:
        measurements = measure_on_android(
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
            notify=bars.show,
        )
    for measurement in measurements.measured.values():
        _print_measurement(measurement)
    if measurements.failed:
        raise InputError("\n".join(map(str, measurements.failed.values())))
    return 0 if all(measurement.passed for measurement in measurements.measured.values()) else 1


class _Bars:
    """A progress bar a device; before and after these, one for the command's own steps."""

    def __init__(self, console: Console) -> None:
        columns = TextColumn("{task.fields[serial]}"), BarColumn(), MofNCompleteColumn(), TextColumn("repetitions")
        text = TextColumn("{task.description}", markup=False)
        self._devices = Progress(*columns, TimeElapsedColumn(), text, console=console, transient=True)
        self._tasks: dict[str, TaskID] = {}
        self._command = self._devices.add_task("", serial="", total=None, visible=False)

    def __enter__(self) -> _Bars:
        self._devices.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._devices.stop()

    def show(self, step: Step) -> None:
        """To be called with every step."""
        self._devices.update(self._command, description=step.what, visible=step.serial is None)
        if step.serial is None:
            return
        if step.serial not in self._tasks:
            self._tasks[step.serial] = self._devices.add_task("", serial=step.serial, total=step.total)
        self._devices.update(self._tasks[step.serial], completed=step.done, description=step.what)


def _print_measurement(measurement: DeviceMeasurement) -> None:
    from mobile_robust.bench.device.table import print_parity
    from mobile_robust.bench.table import print_table, tabulate

    console, result = Console(), measurement.result
    print_table(tabulate([result], None), console)
    print_parity(measurement.parity, console)
    for run in result.runs:
        for message, where in {error.message: error.where for error in reversed(run.errors)}.items():  # each once
            _print(f"{run.artifact} on {run.runtime.name}: {where}: {message}", "red")
    for error in result.errors:
        _print(f"{error.where}: {error.message}", "red")
    _print(str(measurement.path))


def _print(text: str, style: str | None = None) -> None:
    Console().print(text, style=style, highlight=False, markup=False, soft_wrap=True)
