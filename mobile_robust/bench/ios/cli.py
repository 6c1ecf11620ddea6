"""Command line of ``mobile-robust bench ios``."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from rich.text import Text

from mobile_robust.bench.device.console import device_bars, print_measurements
from mobile_robust.contracts.result import RESULT_NAME
from mobile_robust.errors import InputError
from mobile_robust.options import add_measurement, checked
from mobile_robust.reporting.console import make_console

#: Where the app is built: not build/, whose folders are all builds of recipes.
_APP_FOLDER = Path("dist/ios")
_UNITS = ("cpu", "gpu", "npu", "all")

EXAMPLES = """examples:
  mobile-robust bench ios build/afd_resnet50 build/resnet50 --team ABCDE12345
  mobile-robust bench ios build/afd_resnet50 --accelerator npu --precision fp16 --app MobileRobustBench.ipa
  mobile-robust bench ios build/resnet50 --app MobileRobustBench.app --keep \\
      --device 00008120-001A2B3C4D5E6F70 00008030-000123456789ABCD
  mobile-robust bench ios --build --team ABCDE12345

Plug an iPhone in, answer its question with Trust, turn on Developer Mode in Settings, Privacy & Security, and let it
never lock itself while it measures. A Mac builds the app with Xcode and your team's id, and reaches the phone by
devicectl; any other computer needs --app, built and signed on a Mac, and pip install 'mobile-robust[ios]'.
--accelerator asks for Core ML's compute units: cpu, gpu and npu (Neural Engine) with the CPU beside them, or all. An
operation that gpu or npu leave to another unit is an error, never a number. The app is installed, given the files,
monitored, and removed again; its outputs are compared with PyTorch. A run that was stopped, or a cable that was pulled,
is resumed when the command is given again.
Exit code: 0 all measured and equal to PyTorch, 1 some model was not, 2 bad input or a phone that cannot be measured on.
"""


def add_ios(ios: argparse.ArgumentParser) -> None:
    """The options."""
    ios.set_defaults(run=run)
    ios.formatter_class, ios.epilog = argparse.RawDescriptionHelpFormatter, EXAMPLES
    add_measurement(ios, ["coreml"], 2.0)
    add = ios.add_argument
    add("--device", nargs="+", default=[], metavar="UDID", help="phones (default: the only one)")
    add("--accelerator", nargs="+", choices=_UNITS, default=list(_UNITS), help="default: all four")
    is_there = checked(lambda path: None if path.exists() else "no such file or folder")
    add("--app", type=Path, action=is_there, metavar="FILE", help=f"signed app (default: built into {_APP_FOLDER})")
    is_team = checked(lambda team: None if re.fullmatch("[A-Z0-9]{10}", team) else "must be ten capitals and digits")
    add("--team", action=is_team, metavar="ID", help="of your Apple developer team, which signs the app")
    add("--build", action="store_true", help="build the app, say where it is, and do nothing else")
    add("--keep", action="store_true", help="leave the app and its files on the phone")
    add("--out", type=Path, default=Path("bench"), metavar="DIR", help=f"gets UDID/{RESULT_NAME} (%(default)s)")


def run(options: argparse.Namespace) -> int:
    """Runs the command; raises InputError where a person must do something, such as about a phone."""
    console = make_console(stderr=True)
    if options.build:
        from mobile_robust.bench.ios.app import build_app

        app = build_app(_APP_FOLDER, options.team, lambda line: console.print(line, style="dim"))
        make_console().print(str(app.path), soft_wrap=True)
        return 0
    if not options.builds:
        raise InputError("nothing to measure: give the folder of a finished build, or --build")
    from mobile_robust.bench.ios.measure import measure_on_ios

    with device_bars(console) as notify:
        measured = measure_on_ios(
            options.builds,
            options.out,
            serials=options.device,
            accelerators=options.accelerator,
            precisions=options.precision,
            repetitions=options.repetitions,
            images=options.images,
            cool_down=options.cool_down,
            app=options.app,
            app_folder=_APP_FOLDER,
            team=options.team,
            keep=options.keep,
            notify=notify,
            on_warning=lambda sentence: console.print(Text(sentence, "yellow"), soft_wrap=True),
        )
    return print_measurements(measured)
