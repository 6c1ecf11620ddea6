"""Command line of ``python -m mobile_robust.evaluate``."""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Sequence
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mobile_robust.corruptions import select
from mobile_robust.data.dataset import PhotoDataset, skipped_message
from mobile_robust.errors import InputError
from mobile_robust.evaluate.settings import CLEAN, CorruptionSetting, select_settings
from mobile_robust.options import add_split, at_least, split_of

if TYPE_CHECKING:
    from mobile_robust.evaluate.models import Model
    from mobile_robust.evaluate.records import Records

_EXAMPLES = """examples:
  python -m mobile_robust.evaluate build/afd_mobilenetv2_pipeline --images photos
  python -m mobile_robust.evaluate build/x/x_int8.tflite build/x/x_fp32.tflite --images val --labels folders \\
      --corruption imagenet_c --out results
  python -m mobile_robust.evaluate my_recipe.toml --backbone-weights mobilenetv2.safetensors --images photos \\
      --holdout 0.4 --corruption jpeg jpeg_repeated avif:10 --out results
  python -m mobile_robust.evaluate timm:resnet50.a1_in1k --images val --corruption weather awgn:20 --jobs 8
  python -m mobile_robust.evaluate build/x/x_int8.tflite --runtime litert_gpu --images photos --corruption jpeg:10

corruptions: python -m mobile_robust.corrupt --help lists them with their levels; imagenet_c stands for its fifteen.
Stopped and started again with the same --out, it goes on where it was; a model or a corruption that is added is all
that is measured then.
"""

#: What --runtime may name; the table of the runtimes themselves imports PyTorch.
_RUNTIMES = ("litert_cpu", "litert_gpu", "coreml_device", "coreml_mil")


def main(argv: list[str]) -> int:
    """Scores models, prints a table and writes the files of ``--out``.

    Raises:
        InputError: See the functions it calls; the message names the file or the option.
    """
    options = _parser().parse_args(argv)
    _check(options)
    photos = PhotoDataset.from_folder(options.images, options.labels, split_of(options), held_out=True)
    select(text for text in options.corruption if text != CLEAN.name)

    from mobile_robust.evaluate import models as found  # PyTorch: too slow for --help and mistyped options

    errors = Console(stderr=True)
    with errors.status("opening models"):
        models = found.resolve(options.models, options.backbone_weights, options.runtime)
    for label, groups in _labels(models).items():
        errors.print(f"{', '.join(groups)}: {label}", style="yellow", markup=False, highlight=False)
    conditions = select_settings(options.corruption, [model.size for model in models])
    _check_classes(models, photos)
    alexnet: dict[str, float] = {}
    if options.alexnet_errors:
        from mobile_robust.evaluate.mce import read_errors

        alexnet = read_errors(options.alexnet_errors, conditions)
    records = _measure(options, models, photos, conditions, errors)
    _report(options, models, photos, conditions, records, alexnet)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mobile_robust.evaluate",
        usage="%(prog)s MODEL [MODEL …] --images DIR [options]",
        description="Top-1 and top-5 on clean and corrupted photos of whatever is given, the converted files included, "
        "beside the backbone alone: how much of the loss comes back, with intervals and tests.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "models",
        nargs="+",
        metavar="MODEL",
        help="folder of a finished build (all that is in it), one artifact in such a folder, recipe (name or .toml; "
        "its PyTorch system), or timm:NAME (a backbone with timm's weights)",
    )
    parser.add_argument("--images", required=True, type=Path, metavar="DIR", help="folder of photos")
    parser.add_argument(
        "--labels",
        default="names",
        metavar="names|folders|FILE.csv",
        help="names: the file name is the class index, as in 0123.webp (default); folders: sub-folders are the classes "
        "in alphabetical order; FILE.csv: with the header file,label, files relative to --images",
    )
    add_split(
        parser,
        "score only the last FRACTION of the photos in the order numpy.random.default_rng(SEED).permutation gives",
        whole=True,
    )
    parser.add_argument(
        "--corruption",
        nargs="+",
        default=["jpeg"],
        metavar="NAME[:LEVEL]",
        help="corruptions, families or imagenet_c; without LEVEL all levels of the source; clean photos are always "
        "scored (default: jpeg, at qualities 25 18 15 10 7)",
    )
    parser.add_argument(
        "--seed", type=int, action=at_least(0), default=0, metavar="N", help="of the corruptions (default: 0)"
    )
    parser.add_argument("--backbone-weights", metavar="FILE", help="of recipes: a file, or timm:NAME to download")
    parser.add_argument(
        "--runtime",
        nargs="+",
        default=[],
        choices=_RUNTIMES,
        metavar="NAME",
        help=f"what executes artifacts: {', '.join(_RUNTIMES)} (default: the first that is there)",
    )
    parser.add_argument(
        "--alexnet-errors",
        type=Path,
        metavar="FILE.csv",
        help="corruption,error: AlexNet's errors in %% on ImageNet-C, for the mCE",
    )
    parser.add_argument(
        "--jobs",
        type=int,
        action=at_least(1),
        metavar="N",
        help="processes of one thread each (default: one a CPU core)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="keeps every answer, so that a stopped run goes on; gets scores.json, scores.csv, table.md, accuracy.png",
    )
    return parser


def _check(options: argparse.Namespace) -> None:
    if options.out and options.out.exists() and not options.out.is_dir():
        raise InputError(f"--out {options.out}: is a file; give a folder")


def _labels(models: Sequence[Model]) -> dict[str, list[str]]:
    """What must be known about weights -> the groups it is true of."""
    found: dict[str, list[str]] = {}
    for model in models:
        if model.label and model.group not in found.setdefault(model.label, []):
            found[model.label].append(model.group)
    return found


def _check_classes(models: Sequence[Model], photos: PhotoDataset) -> None:
    assert photos.labels is not None
    largest, path = max(zip(photos.labels, photos.paths, strict=True))
    for model in models:
        if largest >= model.classes:
            raise InputError(
                f"--labels: {path} has label {largest}, but {model.name} of {model.group} "
                f"knows the classes 0 to {model.classes - 1}"
            )


def _measure(
    options: argparse.Namespace,
    models: Sequence[Model],
    photos: PhotoDataset,
    conditions: Sequence[CorruptionSetting],
    console: Console,
) -> Records:
    """Asks for every answer that is not there yet."""
    from mobile_robust.evaluate.measure import Evaluator
    from mobile_robust.evaluate.records import Records
    from mobile_robust.evaluate.workers import answer_all

    with console.status("reading photos"):
        records = Records(options.out, photos, options.seed)
    if records.notice:
        console.print(records.notice, style="yellow", markup=False, highlight=False)
    tasks = list(records.missing(models, conditions))
    todo, total = sum(task.count for task in tasks), len(photos) * len(models) * len(conditions)
    if todo < total:
        console.print(f"{total - todo} of {total} answers are in {options.out} already", markup=False, highlight=False)
    jobs = max(1, min(options.jobs or _cores(), len(tasks)))
    columns = (
        TextColumn("photos x conditions x models"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:.0f} a second"),
        TimeRemainingColumn(),
    )
    started, done = monotonic(), 0
    try:
        with Progress(*columns, console=console, transient=True) as progress:
            bar = progress.add_task("", total=total, completed=total - todo, rate=0.0)
            for task, answer in answer_all(Evaluator(models, photos, options.seed), tasks, jobs):
                records.add(task, answer, models)
                done += task.count
                progress.update(bar, advance=task.count, rate=done / (monotonic() - started))
    finally:
        records.close()
    seconds = monotonic() - started
    if done:
        rate = f"{done} answers in {seconds:.0f} s, {done / seconds:.0f} a second, {jobs} at a time"
        console.print(rate, highlight=False)
    unreadable = {photos.paths[index]: reason for index, reason in sorted(records.unreadable.items())}
    if message := skipped_message(unreadable, len(photos)):
        if len(records.unreadable) == len(photos):
            raise InputError(f"--images {options.images}: no image can be read; {message}")
        console.print(message, style="yellow", markup=False, highlight=False)
    return records


def _cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1  # macOS has none


def _report(
    options: argparse.Namespace,
    models: Sequence[Model],
    photos: PhotoDataset,
    conditions: Sequence[CorruptionSetting],
    records: Records,
    alexnet: dict[str, float],
) -> None:
    from mobile_robust.evaluate.mce import mean_corruption_errors
    from mobile_robust.evaluate.output import write_all
    from mobile_robust.evaluate.scores import score_all
    from mobile_robust.evaluate.table import as_markdown, grids, print_grids

    scores = score_all(models, conditions, records)
    errors = mean_corruption_errors(models, scores, alexnet) if alexnet else {}
    found, used = grids(models, conditions, scores, errors), scores[0].photos
    console = Console()
    print_grids(found, used, console)
    if options.out:
        facts = {**_facts(options, photos, records), "mce": [{"model": k, "mce": v} for k, v in errors.items()]}
        written = write_all(options.out, models, conditions, scores, facts, as_markdown(found, used))
        console.print("\n".join(map(str, written)), highlight=False, markup=False, soft_wrap=True)


def _facts(options: argparse.Namespace, photos: PhotoDataset, records: Records) -> dict[str, Any]:
    """What the scores were measured on, and with what."""
    from mobile_robust.convert.fingerprint import tool_versions
    from mobile_robust.evaluate.scores import LEAST_LOSS
    from mobile_robust.evaluate.statistics import RESAMPLES, SEED

    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "tools": {**tool_versions(), "pillow": version("pillow")},
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "seed": options.seed,
        "photos": {
            "used": len(photos) - len(records.unreadable),
            "sha256": photos.digest,
            "labels": photos.labels_from,
            "holdout": options.holdout,
            "holdout_seed": None if options.holdout is None else options.holdout_seed,
            "skipped": [
                {"file": photos.paths[index].relative_to(options.images).as_posix(), "reason": reason}
                for index, reason in sorted(records.unreadable.items())
            ],
        },
        "intervals": f"bootstrap over photos, 95 %, {RESAMPLES} resamples, seed {SEED}",
        "least_loss": LEAST_LOSS,
    }
