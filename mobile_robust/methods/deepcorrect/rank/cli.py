"""Command line of ``mobile-robust rank``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mobile_robust.contracts.ranking import Ranking
from mobile_robust.contracts.recipe import BackboneSection, InputSection, Recipe
from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.documents import DocumentError, parse_json
from mobile_robust.errors import InputError
from mobile_robust.files import output_lock, write_output
from mobile_robust.options import MOST_PROCESSES, add_split, at_least, file_name, seed, split_of
from mobile_robust.recipes import load_recipe
from mobile_robust.reporting.console import make_console
from mobile_robust.reporting.progress import work_bar
from mobile_robust.reporting.tables import Table

_EXAMPLES = """examples:
  mobile-robust rank deepcorrect_cifar10_resnet20 --images train/ --corruption awgn --out ranking.json
  mobile-robust rank --backbone resnet50 --backbone-weights timm:resnet50.a1_in1k --layers conv1 \\
      --images photos/ --corruption gaussian_blur --levels 1 2 4 --count 500 --out ranking.json --plot ranking.png
"""


def main(argv: list[str]) -> int:
    """Ranks filters and writes the ranking; what was counted until an InputError stays in ``OUT.partial``."""
    options = _parser().parse_args(argv)
    recipe = _recipe(options)
    dataset = PhotoDataset.from_folder(options.images, options.labels, split_of(options))
    if options.count is not None:
        dataset = dataset.shuffled(options.seed)
    partial = options.out.with_name(options.out.name + ".partial")
    errors = make_console(stderr=True)
    # PyTorch: too slow for --help and mistyped options
    from mobile_robust.methods.deepcorrect.rank.ranking import rank

    with output_lock(options.out), work_bar(errors, "photos x filters") as update:
        ranking = rank(
            recipe,
            dataset,
            options.corruption,
            levels=options.levels,
            layers=options.layers,
            count=options.count,
            seed=options.seed,
            threads=options.threads,
            partial=partial,
            notify=lambda sentence: errors.print(sentence, style="yellow"),
            on_progress=lambda layer, done, total: update(layer or "no swap", done, total),
        )
        write_output(options.out, ranking.model_dump_json(indent=2) + "\n")
        partial.unlink(missing_ok=True)
    if options.plot:
        from mobile_robust.methods.deepcorrect.rank.plot import plot

        write_output(options.plot, plot(ranking))
    _print_table(ranking)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mobile-robust rank",
        usage="%(prog)s [RECIPE | --backbone NAME] --images DIR --corruption NAME --out FILE [options]",
        description="Rank the filters of convolutions by how much accuracy is recovered when their output alone is "
        "that of the clean photo (DeepCorrect, Algorithm 1). Stopped and started again, it is resumed.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("recipe", nargs="?", metavar="RECIPE", help="takes backbone, layers, size and normalization from a recipe")
    group = parser.add_argument_group("without a recipe")
    group.add_argument("--backbone", metavar="NAME", help="a network of this project or of timm")
    group.add_argument("--backbone-options", nargs="+", default=[], metavar="KEY=VALUE", help="such as num_classes=10")
    group.add_argument("--size", type=int, metavar="N", help="side of the photos in pixels (default: 224)")
    group.add_argument("--mean", nargs=3, type=float, metavar="M", help="of RGB in [0, 1] (default: ImageNet's)")
    group.add_argument("--std", nargs=3, type=float, metavar="S", help="of RGB in [0, 1] (default: ImageNet's)")
    add("--backbone-weights", metavar="FILE", help="the backbone's weights, or timm:NAME to download")
    add("--layers", nargs="+", metavar="LAYER", help="convolutions (default: the recipe's, or the paper's)")
    add("--images", required=True, type=Path, metavar="DIR", help="folder of clean photos")
    add(
        "--labels",
        metavar="names|folders|FILE.csv",
        help="the true classes, see evaluate --help. Without it no labels are needed: what the backbone predicts for "
        "the clean photo counts as right",
    )
    add("--count", type=int, action=at_least(1), metavar="N", help="draw N photos with the seed (default: all)")
    add_split(parser)
    add("--corruption", required=True, metavar="NAME", help="awgn, gaussian_blur, jpeg or another of the registry")
    add("--levels", nargs="+", type=float, metavar="L", help="default: the paper's for this size")
    add("--seed", type=int, action=seed(), default=0, metavar="N", help="of corruption and --count (default: 0)")
    add("--out", required=True, type=Path, action=file_name(".json"), metavar="FILE", help="the ranking, .json")
    add("--plot", type=Path, action=file_name(".png"), metavar="FILE", help="a picture of it, .png")
    threads = "CPU threads (default: %(default)s)"
    add("--threads", type=int, action=at_least(1, most=MOST_PROCESSES), default=2, metavar="N", help=threads)
    return parser


def _recipe(options: argparse.Namespace) -> Recipe:
    """The recipe that the command line names, or one made of its options."""
    image = {name: getattr(options, name) for name in ("size", "mean", "std") if getattr(options, name)}
    if options.recipe:
        for name in ("backbone", "backbone_options", *image):
            if getattr(options, name):
                raise InputError(f"--{name.replace('_', '-')}: recipe {options.recipe} says that already")
        recipe = load_recipe(options.recipe)
    elif not options.backbone:
        raise InputError("name a recipe, or a backbone with --backbone NAME")
    else:
        try:
            recipe = Recipe(
                name="rank",
                method="deepcorrect",
                scope="pipeline",
                backbone=BackboneSection(name=options.backbone, options=_parsed(options.backbone_options)),
                input=InputSection(**image),
            )
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            key = ".".join(map(str, first["loc"]))
            message = first["msg"].removeprefix("Value error, ")
            raise InputError(f"--{key} {first['input']}: {message}") from None
    return recipe.with_backbone_weights(options.backbone_weights) if options.backbone_weights else recipe


def _parsed(given: list[str]) -> dict[str, Any]:
    """KEY=VALUE with VALUE as in JSON, or else a plain word."""
    parsed: dict[str, Any] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"--backbone-options {text}: must be KEY=VALUE, such as num_classes=10")
        try:
            parsed[key] = parse_json(value)
        except DocumentError:
            parsed[key] = value
    return parsed


def _print_table(ranking: Ranking) -> None:
    console = make_console()
    levels = ", ".join(f"{level:g}" for level in ranking.levels)
    console.print(
        f"{ranking.backbone} on {ranking.images} photos, top-1: clean {100 * ranking.clean_accuracy:.1f} %, "
        f"{ranking.corruption} {levels}: {100 * ranking.corrupted_accuracy:.1f} %",
    )
    half = ranking.global_(sum(map(len, ranking.layers.values())) // 2)
    rows = []
    for layer, order in ranking.orders().items():
        tau = ranking.layers[layer]
        numbers = (len(tau), sum(t > 0 for t in tau), order[0], f"{100 * tau[order[0]]:+.2f}", len(half[layer]))
        rows.append([layer, *map(str, numbers)])
    console.print(Table.of(("layer", "filters", "tau > 0", "best", "tau in %", "in best half"), rows).terminal())
