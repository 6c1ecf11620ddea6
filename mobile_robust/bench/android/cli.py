"""Command line of ``mobile-robust bench android``."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.text import Text

from mobile_robust.bench.device.console import device_bars, print_measurements
from mobile_robust.contracts.result import RESULT_NAME
from mobile_robust.errors import InputError
from mobile_robust.options import add_measurement, add_threads, checked
from mobile_robust.reporting.console import make_console

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
    add_measurement(android, ["tflite"], 2.0)
    add_threads(android, 4, "the CPU")
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
        make_console().print(str(apk), soft_wrap=True)
        return 0
    if not options.builds:
        raise InputError("nothing to measure: give the folder of a finished build, or --build")
    from mobile_robust.bench.android.measure import measure_on_android

    with device_bars(console) as notify:
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
    return print_measurements(measured)
