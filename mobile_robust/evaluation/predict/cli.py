"""Command line of ``mobile-robust predict``."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.text import Text

from mobile_robust.corruptions import select
from mobile_robust.evaluation.arguments import add_runtimes
from mobile_robust.evaluation.settings import CLEAN
from mobile_robust.files import write_output
from mobile_robust.options import file_name, seed
from mobile_robust.reporting.console import make_console
from mobile_robust.reporting.progress import progress_bar

_EXAMPLES = """examples:
  mobile-robust predict cat.jpg --build build/film_afd_mobilenetv2_mixed_pipeline --out cat.png
  mobile-robust predict *.jpg --build build/x/x_int8.tflite --corruption jpeg:7 gaussian_noise:3
  mobile-robust predict cat.jpg --build my_recipe.toml --backbone-weights mobilenetv2.safetensors --corruption clean

corruptions: mobile-robust corrupt --help lists them with their levels.
"""


def main(argv: list[str]) -> int:
    """Prints the first classes of photos, and writes the picture of ``--out``."""
    options = _parser().parse_args(argv)
    select(text for text in options.corruption if text != CLEAN.name)
    errors, console = make_console(stderr=True), make_console()
    # PyTorch: too slow for --help and mistyped options
    from mobile_robust.evaluation.predict.run import predict
    from mobile_robust.evaluation.predict.table import tables

    with progress_bar(errors, "photos", len(options.photos)) as step:
        found = predict(
            options.photos,
            options.build,
            options.corruption,
            seed=options.seed,
            backbone_weights=options.backbone_weights,
            runtimes=options.runtime,
            on_step=step,
        )
    for note in found.notes:
        errors.print(Text(note, "yellow"), soft_wrap=True)
    for table in tables(found):
        for piece in table.pieces(console):
            console.print(piece.terminal())
    console.print(Text("; ".join(f"{which}: {executed}" for which, executed in found.executed.items())), soft_wrap=True)
    if options.out:
        from mobile_robust.evaluation.predict.picture import picture

        write_output(options.out, picture(found))
        console.print(Text(str(options.out)), soft_wrap=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mobile-robust predict",
        usage="%(prog)s PHOTO [PHOTO …] --build MODEL [options]",
        description="The first five classes of photos and their probabilities, without the module and with it, as the "
        "photos are and degraded.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("photos", nargs="+", type=Path, metavar="PHOTO", help="image file; its middle is classified, as in evaluate")
    what = (
        "folder of a finished build (its PyTorch reference), one artifact in such a folder, or recipe (name or .toml)"
    )
    add("--build", required=True, metavar="MODEL", help=what)
    degraded = "how photos are degraded, beside as they are (default: jpeg:10); clean: not at all"
    add("--corruption", nargs="+", default=["jpeg:10"], metavar="NAME[:LEVEL]", help=degraded)
    add("--seed", type=int, action=seed(), default=0, metavar="N", help="of the corruptions (default: 0)")
    add("--backbone-weights", metavar="FILE", help="of a recipe: a file, or timm:NAME to download")
    add_runtimes(parser, "an artifact")
    add("--out", type=Path, action=file_name(".png"), metavar="FILE.png", help="also a picture: the photos beside bars")
    return parser
