"""Command line of ``mobile-robust restoration``."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.text import Text

from mobile_robust.corruptions import select
from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.evaluation.arguments import add_runtimes
from mobile_robust.evaluation.settings import CLEAN
from mobile_robust.options import add_split, at_least, make_folder, seed, split_of
from mobile_robust.reporting.console import make_console
from mobile_robust.reporting.progress import work_bar

_EXAMPLES = """examples:
  mobile-robust restoration build/dir_224/dir_224_int8.tflite --images photos --corruption isp --out restored
  mobile-robust restoration dir_mobilenetv2_pipeline --weights dir.safetensors --images photos \\
      --holdout 0.2 --corruption isp_ablation isp_demosaicing isp_gamma --out restored
  mobile-robust restoration fidelity_mobilenetv2_pipeline --images photos --corruption fidelity_awgn:0.2
"""


def main(argv: list[str]) -> int:
    """Measures modules, prints tables and writes the files of ``--out``."""
    options = _parser().parse_args(argv)
    select(text for text in options.corruption if text != CLEAN.name)
    photos = PhotoDataset.from_folder(options.images, split=split_of(options), held_out=True)
    photos = photos.drawn(options.count, options.seed)
    if options.out:
        make_folder(options.out)
    # PyTorch: too slow for --help and mistyped options
    from mobile_robust.restoration.run import measure_restoration
    from mobile_robust.restoration.table import print_restoration

    errors, console = make_console(stderr=True), make_console()
    with work_bar(errors, "photos") as on_progress:
        found = measure_restoration(
            options.models,
            photos,
            options.corruption,
            weights=options.weights,
            features=options.features,
            runtimes=options.runtime,
            seed=options.seed,
            out=options.out,
            on_progress=on_progress,
            on_warning=lambda text: errors.print(Text(text, "yellow")),
        )
    print_restoration(found, console)
    for file in found.files:
        console.print(Text(str(file)), soft_wrap=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mobile-robust restoration",
        usage="%(prog)s MODEL [MODEL …] --images DIR [options]",
        description="How close repaired photos are to the clean ones, beside the degraded photos: PSNR, SSIM and a "
        "distance of a network's features (LPIPS without its learned weights), with intervals, for modules whose "
        "output is the repaired photo. Labels are not needed.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "models",
        nargs="+",
        metavar="MODEL",
        help='folder of a finished build, one artifact of scope "module" in such a folder, or recipe of any scope '
        "(name or .toml; its module in PyTorch)",
    )
    add("--images", required=True, type=Path, metavar="DIR", help="folder of clean photos")
    add("--count", type=int, action=at_least(1), metavar="N", help="draw N photos with the seed (default: all)")
    scored = "measure only FRACTION of the photos, drawn by SEED; train with the same options takes the others"
    add_split(parser, scored, whole=True)
    levels = "corruptions, families or imagenet_c; without LEVEL all levels of the source; always clean photos as well"
    add("--corruption", nargs="+", required=True, metavar="NAME[:LEVEL]", help=levels)
    add("--seed", type=int, action=seed(), default=0, metavar="N", help="of corruptions and --count (default: 0)")
    add("--weights", metavar="FILE", help="of recipes: the module's")
    whose = "whose frozen backbone gives the features (default: mobilenetv2, the same for all methods)"
    add("--features", default="mobilenetv2", metavar="RECIPE|timm:NAME", help=whose)
    add_runtimes(parser)
    add("--out", type=Path, metavar="DIR", help="gets restoration.json, .csv, .md, and .png: photos side by side")
    return parser
