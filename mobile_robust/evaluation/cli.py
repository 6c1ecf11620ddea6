"""Command line of ``mobile-robust evaluate``."""

from __future__ import annotations

import argparse
from pathlib import Path
from time import monotonic

from rich.text import Text

from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.data.storage import photo_location
from mobile_robust.evaluation.arguments import add_runtimes
from mobile_robust.evaluation.run import evaluate
from mobile_robust.options import MOST_PROCESSES, add_split, at_least, seed, split_of
from mobile_robust.reporting.console import make_console
from mobile_robust.reporting.progress import work_bar
from mobile_robust.reporting.text import duration_text

_EXAMPLES = """examples:
  mobile-robust evaluate build/afd_mobilenetv2_pipeline --images photos
  mobile-robust evaluate build/x/x_int8.tflite build/x/x_fp32.tflite --images val --labels folders \\
      --corruption imagenet_c --out results
  mobile-robust evaluate my_recipe.toml --backbone-weights mobilenetv2.safetensors --images photos \\
      --holdout 0.4 --corruption jpeg jpeg_repeated avif:10 --out results
  mobile-robust evaluate timm:resnet50.a1_in1k --images val --corruption weather awgn:20 --jobs 8
  mobile-robust evaluate build/x --images 's3://bucket/val-*.tar' --labels folders --ray auto --out results
  mobile-robust evaluate build/x/x_int8.tflite --runtime litert_gpu --images photos --corruption jpeg:10

corruptions: mobile-robust corrupt --help lists them with their levels; imagenet_c stands for its fifteen.
Stopped and started again with the same --out, it is resumed; a model or a corruption that is added is all that is
measured then.
"""


def main(argv: list[str]) -> int:
    """Scores models, prints a table and writes the files of ``--out``."""
    options = _parser().parse_args(argv)
    labels = None if options.labels == "none" else options.labels
    photos = PhotoDataset.from_folder(options.images, labels, split_of(options), held_out=True)
    errors, console = make_console(stderr=True), make_console()
    begun: tuple[int, float] | None = None
    made = 0
    with work_bar(errors, "photos x settings x models") as show:

        def on_progress(what: str, done: int, total: int | None) -> None:
            nonlocal begun, made
            if total is not None and begun is None:
                begun = done, monotonic()
                if done:
                    errors.print(Text(f"{done} of {total} predictions are in {options.out} already"))
            made = done - begun[0] if begun else 0
            show(what, done, total)

        def on_start(predictions: int, seconds: float | None) -> None:
            about = "" if seconds is None else f", about {duration_text(seconds)} where nothing else runs"
            errors.print(f"{predictions} predictions to make{about}", soft_wrap=True)

        scores = evaluate(
            options.models,
            photos,
            options.corruption,
            seed=options.seed,
            backbone_weights=options.backbone_weights,
            runtimes=options.runtime,
            alexnet_errors=options.alexnet_errors,
            jobs=options.jobs,
            ray=options.ray,
            out=options.out,
            on_start=on_start,
            on_progress=on_progress,
            on_warning=lambda text: errors.print(Text(text, "yellow")),
        )
    if made and begun:
        seconds = monotonic() - begun[1]
        errors.print(f"{made} predictions in {seconds:.0f} s, {made / seconds:.0f} a second")
    from mobile_robust.evaluation.table import print_scores

    print_scores(scores, console)
    for file in scores.files:
        console.print(Text(str(file)), soft_wrap=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mobile-robust evaluate",
        usage="%(prog)s MODEL [MODEL …] --images DIR|URL [options]",
        description="Top-1 and top-5 on clean and corrupted photos of whatever is given, the converted files included, "
        "beside the baseline: how much of the loss is recovered, with intervals and tests.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "models",
        nargs="+",
        metavar="MODEL",
        help="folder of a finished build (all that is in it), one artifact in such a folder, recipe (name or .toml; "
        "its PyTorch pipeline), or timm:NAME (a backbone with timm's weights)",
    )
    add(
        "--images",
        required=True,
        type=photo_location,
        metavar="DIR|URL",
        help="folder of photos, here or in a storage that fsspec knows (s3://bucket/val), or .tar files (FILE.tar, "
        "'s3://bucket/val-*.tar'), which are taken as unpacked into one folder",
    )
    add(
        "--labels",
        default="names",
        metavar="names|folders|FILE.csv|none",
        help="names: the file name is the class index, as in 0123.webp (default); folders: the sub-folders are the "
        "classes: ImageNet's synsets, numbers, or names in alphabetical order; FILE.csv: with the header file,label, "
        "files relative to --images; none: there are none, and agreement with the backbone's prediction for the clean "
        "photo is measured instead of accuracy",
    )
    add_split(
        parser,
        "score only FRACTION of the photos, drawn by SEED; train with the same options takes the others",
        whole=True,
    )
    add(
        "--corruption",
        nargs="+",
        default=["jpeg"],
        metavar="NAME[:LEVEL]",
        help="corruptions, families or imagenet_c; without LEVEL all levels of the source; clean photos are always "
        "scored (default: jpeg, at qualities 25 18 15 10 7)",
    )
    add("--seed", type=int, action=seed(), default=0, metavar="N", help="of the corruptions (default: 0)")
    add("--backbone-weights", metavar="FILE", help="of recipes: a file, or timm:NAME to download")
    add_runtimes(parser)
    errors = "corruption,error: AlexNet's errors in %% on ImageNet-C, for the mCE"
    add("--alexnet-errors", type=Path, metavar="FILE.csv", help=errors)
    processes = "processes of one thread each (default: one a CPU core)"
    add("--jobs", type=int, action=at_least(1, most=MOST_PROCESSES), metavar="N", help=processes)
    cluster = "the CPUs of a Ray cluster that this machine belongs to, in place of --jobs; the same scores"
    add("--ray", metavar="HOST:PORT|auto", help=cluster)
    kept = "keeps every prediction, to resume a stopped run; gets scores.json, scores.csv, table.md, accuracy.png"
    add("--out", type=Path, metavar="DIR", help=kept)
    return parser
