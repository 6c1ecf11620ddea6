"""Command line of ``python -m mobile_robust.rank``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from mobile_robust import __version__
from mobile_robust.contracts.ranking import Ranking
from mobile_robust.corruptions import CORRUPTIONS, PAPER_LEVELS, SMALL_SIDE, check
from mobile_robust.data.images import Crops, centre_crop, find_images, read_image
from mobile_robust.data.labels import label_images
from mobile_robust.data.split import add_holdout, check_holdout, training_part
from mobile_robust.errors import InputError, unknown
from mobile_robust.files import write_atomically
from mobile_robust.methods.deepcorrect.rank.subject import recipe_of

if TYPE_CHECKING:
    from mobile_robust.methods.deepcorrect.rank.priority import Counts, Task
    from mobile_robust.methods.deepcorrect.rank.progress import Partial

_EXAMPLES = """examples:
  python -m mobile_robust.rank deepcorrect_cifar10_resnet20 --images train/ --corruption awgn --out ranking.json
  python -m mobile_robust.rank --backbone resnet50 --backbone-weights timm:resnet50.a1_in1k --layers conv1 \\
      --images photos/ --corruption gaussian_blur --levels 1 2 4 --count 500 --out ranking.json --plot ranking.png
"""


def main(argv: list[str]) -> int:
    """Ranks the filters of some layers and writes the ranking.

    Raises:
        InputError: Bad input. What was counted until then stays in ``OUT.partial``.
    """
    options = _parser().parse_args(argv)
    _check(options)
    recipe = recipe_of(options)
    size = recipe.input.height_width
    levels = options.levels or PAPER_LEVELS[options.corruption]["cifar" if size[0] <= SMALL_SIDE else "imagenet"]
    for level in levels:
        check(options.corruption, level)
    every = find_images(options.images)
    classes = label_images(every, options.images, options.labels) if options.labels else None
    paths = _drawn(every, options)

    import torch  # too slow for --help and mistyped options

    from mobile_robust.methods.deepcorrect.rank.priority import Task
    from mobile_robust.methods.deepcorrect.rank.progress import Partial
    from mobile_robust.methods.deepcorrect.rank.subject import load_subject, preparation

    torch.set_num_threads(options.threads)
    subject = load_subject(recipe, options.layers)
    errors = Console(stderr=True)
    crops = Crops(paths, size, options.count)
    with errors.status("reading photos"):
        digest = crops.digest
    if message := crops.skipped_message():
        errors.print(message, style="yellow", markup=False, highlight=False)
    used = crops.used
    task = Task(
        network=subject.network,
        name=subject.name,
        layers=subject.layers,
        photos=lambda start, stop: [centre_crop(read_image(path), size) for path in used[start:stop]],
        count=len(used),
        labels=None if classes is None else [classes[path] for path in used],
        prepare=preparation(recipe),
        corruption=options.corruption,
        levels=tuple(levels),
        seed=options.seed,
    )
    facts: dict[str, Any] = {
        "tool": f"mobile-robust {__version__}",
        "backbone": subject.name,
        "weights": subject.weights,
        "weights_sha256": subject.weights_sha256,
        "size": size,
        "images": task.count,
        "images_sha256": digest,
        "labels": "network" if classes is None else options.labels if options.labels in _LABELS else "table",
        "corruption": task.corruption,
        "levels": task.levels,
        "seed": task.seed,
    }
    normalization = [recipe.input.mean, recipe.input.std]
    settings = {**facts, "layers": task.layers, "classes": task.labels, "normalization": normalization}
    partial = Partial(options.out, settings)
    counts = partial.read()
    _watch(task, counts, partial, errors)
    ranking = Ranking(
        **facts,
        clean_accuracy=counts.clean / task.count,
        corrupted_accuracy=counts.corrupted / (task.count * len(task.levels)),
        layers=counts.priorities(task),
    )
    _write(options.out, ranking.model_dump_json(indent=2) + "\n")
    partial.remove()
    if options.plot:
        from mobile_robust.methods.deepcorrect.rank.plot import plot

        _write(options.plot, plot(ranking))
    _print_table(ranking)
    return 0


_LABELS = ("names", "folders")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mobile_robust.rank",
        usage="%(prog)s [RECIPE | --backbone NAME] --images DIR --corruption NAME --out FILE [options]",
        description="Rank the filters of convolutions by how much accuracy comes back when their output alone is that "
        "of the clean photo (DeepCorrect, Algorithm 1). Stopped and started again, it goes on where it was.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "recipe", nargs="?", metavar="RECIPE", help="takes backbone, layers, size and normalization from a recipe"
    )
    backbone = parser.add_argument_group("without a recipe")
    backbone.add_argument("--backbone", metavar="NAME", help="a network of this project or of timm")
    backbone.add_argument(
        "--backbone-options", nargs="+", default=[], metavar="KEY=VALUE", help="such as num_classes=10"
    )
    backbone.add_argument("--size", type=int, metavar="N", help="side of the photos in pixels (default: 224)")
    backbone.add_argument("--mean", nargs=3, type=float, metavar="M", help="of RGB in [0, 1] (default: ImageNet's)")
    backbone.add_argument("--std", nargs=3, type=float, metavar="S", help="of RGB in [0, 1] (default: ImageNet's)")
    parser.add_argument("--backbone-weights", metavar="FILE", help="the backbone's weights, or timm:NAME to download")
    parser.add_argument(
        "--layers", nargs="+", metavar="LAYER", help="convolutions (default: the recipe's, or the paper's)"
    )
    parser.add_argument("--images", required=True, type=Path, metavar="DIR", help="folder of clean photos")
    parser.add_argument(
        "--labels",
        metavar="names|folders|FILE.csv",
        help="the right classes, see evaluate --help. Without it no labels are needed: what the backbone answers to "
        "the clean photo counts as right",
    )
    parser.add_argument("--count", type=int, metavar="N", help="draw N photos with the seed (default: all)")
    add_holdout(parser)
    parser.add_argument(
        "--corruption", required=True, metavar="NAME", help="awgn, gaussian_blur, jpeg or another of the registry"
    )
    parser.add_argument("--levels", nargs="+", type=float, metavar="L", help="default: the paper's for this size")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of corruption and --count (default: 0)")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="the ranking, .json")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="a picture of it, .png")
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="CPU threads (default: %(default)s)")
    return parser


def _check(options: argparse.Namespace) -> None:
    for name, least in (("count", 1), ("threads", 1), ("seed", 0)):
        if (value := getattr(options, name)) is not None and value < least:
            raise InputError(f"--{name.replace('_', '-')} {value}: must be {least} or more")
    if options.corruption not in CORRUPTIONS:
        raise unknown("corruption", options.corruption, CORRUPTIONS)
    check_holdout(options)
    for name, suffix in (("out", ".json"), ("plot", ".png")):
        path: Path | None = getattr(options, name)
        if path and path.suffix != suffix:
            raise InputError(f"--{name} {path}: the file's name must end with {suffix}")
        if path and not path.parent.is_dir():
            raise InputError(f"--{name} {path}: no such folder: {path.parent}")


def _drawn(every: list[Path], options: argparse.Namespace) -> list[Path]:
    """The photos in the order in which they are tried."""
    paths = training_part(every, options.holdout, options.holdout_seed)
    if options.count is None:
        return paths
    import numpy as np

    return [paths[i] for i in np.random.default_rng(options.seed).permutation(len(paths))]


def _watch(task: Task, counts: Counts, partial: Partial, console: Console) -> None:
    """Counts to the end with a progress bar; saved after every batch."""
    from mobile_robust.methods.deepcorrect.rank.priority import count

    if done := counts.work(task):
        console.print(f"going on after {100 * done / task.work:.0f} % ({partial.path})", markup=False, highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("photos x filters", total=task.work, completed=counts.work(task))
        for layer in count(task, counts):
            partial.write(counts)
            progress.update(bar, completed=counts.work(task), description=layer or "no swap")


def _print_table(ranking: Ranking) -> None:
    console = Console()
    levels = ", ".join(f"{level:g}" for level in ranking.levels)
    console.print(
        f"{ranking.backbone} on {ranking.images} photos, top-1: clean {100 * ranking.clean_accuracy:.1f} %, "
        f"{ranking.corruption} {levels}: {100 * ranking.corrupted_accuracy:.1f} %",
        highlight=False,
        markup=False,
    )
    half = ranking.global_(sum(map(len, ranking.layers.values())) // 2)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for column in ("layer", "filters", "tau > 0", "best", "tau in %", "in best half"):
        table.add_column(column, justify="left" if column == "layer" else "right", no_wrap=True)
    for layer, order in ranking.orders().items():
        tau = ranking.layers[layer]
        cells = (len(tau), sum(t > 0 for t in tau), order[0], f"{100 * tau[order[0]]:+.2f}", len(half[layer]))
        table.add_row(layer, *map(str, cells))
    console.print(table)


def _write(path: Path, data: bytes | str) -> None:
    try:
        write_atomically(path, data)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from None
