"""Command line of ``mobile-robust demo``."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.text import Text

from mobile_robust.contracts.precisions import precisions_of
from mobile_robust.reporting.console import make_console

_EXAMPLES = """examples:
  mobile-robust demo build/film_afd_mobilenetv2_mixed_pipeline --baseline build/mobilenetv2
  mobile-robust demo build/mine/mine_fp16.tflite --baseline build/bare --precision fp16 --out dist/

The app shows the camera's frame, its first three classes and the time that they took, and a switch: with the module,
without. adb install FILE.apk puts it on a phone. It asks for the camera, and for nothing else: nothing is kept or sent.
"""


def main(argv: list[str]) -> int:
    """Builds the app, and says where it is."""
    options = _parser().parse_args(argv)
    from mobile_robust.demo.build import build_demo
    from mobile_robust.demo.networks import choose

    console = make_console(stderr=True)
    models = choose(options.build, options.baseline, options.precision)
    apk = build_demo(*models, options.out, lambda line: console.print(Text(line, "dim")))
    make_console().print(Text(str(apk)), soft_wrap=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mobile-robust demo",
        usage="%(prog)s BUILD --baseline BUILD [options]",
        description="Build a camera app for Android that classifies with a build's file, with the module or without.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    what = "folder of a finished build of a pipeline with a module, or a .tflite file in it"
    add("build", type=Path, metavar="BUILD", help=what)
    bare = "likewise, of the same backbone without a module"
    add("--baseline", type=Path, required=True, metavar="BUILD", help=bare)
    add("--precision", choices=precisions_of("tflite"), default="int8", help="of the two files (default: %(default)s)")
    add("--out", type=Path, default=Path("dist"), metavar="DIR", help="gets the app (default: %(default)s)")
    return parser
