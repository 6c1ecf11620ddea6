"""Command line of ``python -m mobile_robust.evaluate``."""

from __future__ import annotations

import argparse
import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from mobile_robust.data import Crops, find_images
from mobile_robust.errors import InputError
from mobile_robust.evaluate.labels import hold_out, label_images
from mobile_robust.evaluate.score import Condition, Score, score
from mobile_robust.files import write_atomically

if TYPE_CHECKING:
    from mobile_robust.evaluate.classifiers import Classifier

_EXAMPLES = """examples:
  python -m mobile_robust.evaluate build/afd_mobilenetv2_pipeline --images photos
  python -m mobile_robust.evaluate build/*_pipeline --images val --labels folders --quality 25 10
  python -m mobile_robust.evaluate build/afd_mobilenetv2_pipeline --images photos --holdout 0.4 --json scores.json
"""


def main(argv: list[str]) -> int:
    """Scores built pipelines and prints a table.

    Raises:
        InputError: See the functions it calls; the message names the file or the option.
    """
    options = _parser().parse_args(argv)
    _check(options)
    paths = find_images(options.images)
    labels = label_images(paths, options.images, options.labels)
    if options.holdout is not None:
        paths = hold_out(paths, options.holdout, options.holdout_seed)
        if not paths:
            raise InputError(f"--holdout {options.holdout:g}: of {len(labels)} images that leaves none")
    conditions = [Condition()] if "clean" in options.corruption else []
    if "jpeg" in options.corruption:
        conditions += [Condition(quality) for quality in dict.fromkeys(options.quality)]

    from mobile_robust.evaluate.classifiers import open_build  # PyTorch: too slow for --help and mistyped options

    classifiers = [classifier for folder in dict.fromkeys(options.builds) for classifier in open_build(folder)]

    scores: list[Score] = []
    passes = [Crops(paths, size) for size in dict.fromkeys(classifier.size for classifier in classifiers)]
    errors = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, transient=True) as progress:
        task = progress.add_task("photos x classifiers", total=len(paths) * len(classifiers))
        for crops in passes:
            fitting = [classifier for classifier in classifiers if classifier.size == crops.size]
            scores += score(fitting, crops, labels, conditions, lambda: progress.advance(task))

    if message := passes[0].skipped_message():
        errors.print(message, style="yellow", markup=False, highlight=False)
    _print_table(scores, classifiers, conditions)
    if options.json:
        _write(options.json, json.dumps(_document(options, passes[0], scores), indent=2) + "\n")
    if options.csv:
        _write(options.csv, _as_csv(scores))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mobile_robust.evaluate",
        usage="%(prog)s DIR [DIR …] --images DIR [options]",
        description="Top-1 and top-5 of built pipelines, clean and corrupted: the backbone alone, the PyTorch "
        "reference and every artifact, on the same photos.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "builds", nargs="+", type=Path, metavar="DIR", help="folder of a finished build (manifest.json)"
    )
    parser.add_argument("--images", required=True, type=Path, metavar="DIR", help="folder of photos")
    parser.add_argument(
        "--labels",
        default="names",
        metavar="names|folders|FILE.csv",
        help="names: the file name is the class index, as in 0123.webp (default); folders: sub-folders are the classes "
        "in alphabetical order; FILE.csv: with the header file,label, files relative to --images",
    )
    parser.add_argument(
        "--corruption", nargs="+", choices=("clean", "jpeg"), default=["clean", "jpeg"], help="default: clean jpeg"
    )
    parser.add_argument(
        "--quality", nargs="+", type=int, default=[10], metavar="Q", help="JPEG qualities, 1 to 95 (default: 10)"
    )
    parser.add_argument(
        "--holdout",
        type=float,
        metavar="FRACTION",
        help="score only the last FRACTION of the photos in the order numpy.random.default_rng(SEED).permutation gives",
    )
    parser.add_argument("--holdout-seed", type=int, default=0, metavar="SEED", help="default: 0")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the scores and what they were measured on")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the scores, one line each")
    return parser


def _check(options: argparse.Namespace) -> None:
    for quality in options.quality:
        if not 1 <= quality <= 95:
            raise InputError(f"--quality {quality}: allowed are 1 (worst) to 95")
    if options.holdout is not None and not 0 < options.holdout <= 1:
        raise InputError(f"--holdout {options.holdout:g}: allowed are fractions greater than 0, at most 1")
    if options.holdout_seed < 0:
        raise InputError(f"--holdout-seed {options.holdout_seed}: allowed are 0, 1, 2, …")
    for option in (options.json, options.csv):
        if option and not option.parent.is_dir():
            raise InputError(f"{option}: no such folder: {option.parent}")


def _print_table(scores: Sequence[Score], classifiers: Sequence[Classifier], conditions: Sequence[Condition]) -> None:
    cells = {(s.build, s.classifier, s.condition): _cell(s) for s in scores}
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("classifier", overflow="fold")
    table.add_column("runtime", no_wrap=True)
    for condition in conditions:
        table.add_column(condition.name, justify="right", no_wrap=True)
    previous = None
    for classifier in classifiers:
        if classifier.build != previous:
            table.add_row(Text(classifier.build, style="bold"))
        found = [cells[classifier.build, classifier.name, condition.name] for condition in conditions]
        table.add_row(Text(f"  {classifier.name}"), classifier.runtime, *found)
        previous = classifier.build
    console = Console()
    console.print(f"top-1 ± half its 95 % interval / top-5, in % of {scores[0].images} photos", highlight=False)
    console.print(table)


def _cell(scored: Score) -> str:
    half = (scored.top1_high - scored.top1_low) / 2
    return f"{100 * scored.top1:.1f} ± {100 * half:.1f} / {100 * scored.top5:.1f}"


def _document(options: argparse.Namespace, crops: Crops, scores: Sequence[Score]) -> dict[str, Any]:
    """What the JSON file says: the photos, then the scores."""
    return {
        "images": {
            "used": len(crops.used),
            "sha256": crops.digest,
            "skipped": [{"file": path.name, "reason": reason} for path, reason in crops.skipped],
            "holdout": options.holdout,
            "holdout_seed": None if options.holdout is None else options.holdout_seed,
        },
        "interval": "Wilson, 95 %",
        "scores": [asdict(scored) for scored in scores],
    }


def _as_csv(scores: Sequence[Score]) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, [field.name for field in fields(Score)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(scored) for scored in scores)
    return buffer.getvalue()


def _write(path: Path, text: str) -> None:
    try:
        write_atomically(path, text)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from None
