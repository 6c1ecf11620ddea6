"""Command line of ``mobile-robust train``."""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from pathlib import Path

from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.errors import InputError
from mobile_robust.methods.method import Method, Training
from mobile_robust.methods.registry import methods
from mobile_robust.model_flags import add_flags, parse_flags
from mobile_robust.options import add_split, split_of
from mobile_robust.recipes import load_recipe
from mobile_robust.reporting.console import make_console
from mobile_robust.training.settings import TrainSettings, training_of

_EXAMPLES = """examples:
  mobile-robust train afd afd_mobilenetv2_pipeline --images photos/ \\
      --backbone-weights mobilenetv2.safetensors --out afd_nano.safetensors
  mobile-robust train sympie sympie_mobilenetv2_pipeline --images photos/ --labels folders \\
      --backbone-weights mobilenetv2.safetensors --holdout 0.4 --out sympie.safetensors
  mobile-robust train deepcorrect deepcorrect_cifar10_resnet20 --images train/ --labels folders \\
      --corruption awgn --out units.safetensors
  mobile-robust train afd afd_mobilenetv2_pipeline --images photos/ \\
      --backbone-weights mobilenetv2.safetensors --start afd_nano.safetensors --quantized --steps 200 --rate 3e-4 \\
      --out afd_nano_int8.safetensors
  accelerate launch -m mobile_robust.train afd my_recipe.toml --images photos/ --out afd.safetensors
"""


def main(argv: list[str]) -> int:
    """Trains a module and writes its weights, a log, a plot and a card; after an InputError there are no weights."""
    options = _parser().parse_args(argv)
    method = methods()[options.method]
    settings, own = parse_flags(options, TrainSettings), parse_flags(options, training_of(method).options)
    recipe = load_recipe(options.recipe)
    if recipe.method != method.name:
        raise InputError(
            f"recipe {recipe.name} is for method {recipe.method!r}; this trains recipes for method {method.name!r}"
        )
    if options.backbone_weights:
        recipe = recipe.with_backbone_weights(options.backbone_weights)
    if options.ranking:
        recipe = recipe.with_ranking(options.ranking)
    if find_spec("accelerate") is None:
        raise InputError("training needs Accelerate: pip install 'mobile-robust[train]'")
    from mobile_robust.training.run import train  # PyTorch: too slow for --help and mistyped options

    photos = PhotoDataset.from_folder(options.images, options.labels, split_of(options))
    done = train(recipe, photos, options.out, settings, own, argv)
    if done:
        text = f"{done.weights}: {len(done.steps)} steps in {done.seconds:.0f} s\n{done.verdict}"
        make_console().print(text, soft_wrap=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mobile-robust train",
        description="Train a repair module for one backbone.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(metavar="METHOD", required=True, dest="method")
    for method in methods().values():
        if method.training is not None:
            _add_method(commands.add_parser(method.name, help=method.training.summary), method, method.training)
    return parser


def _add_method(parser: argparse.ArgumentParser, method: Method, training: Training) -> None:
    parser.description = (
        f"{training.description} Writes FILE, and beside it a log (.jsonl, one line a step), its plot (.png) and a "
        "card (.md) that says how the weights came about. Stopped and started again, it resumes at its last checkpoint."
    )
    add = parser.add_argument
    add("recipe", metavar="RECIPE", help="name of a built-in recipe, or path of a .toml")
    add("--images", required=True, type=Path, metavar="DIR", help="folder of photos of any size")
    add("--out", required=True, type=Path, metavar="FILE", help="the weights, .safetensors")
    add("--backbone-weights", metavar="FILE", help="the backbone's weights, or timm:NAME to load")
    add_flags(parser, training.options)
    if training.labels:
        add(
            "--labels",
            metavar="names|folders|FILE.csv",
            help="the right classes, see evaluate --help. Without it no labels are needed: what the backbone predicts "
            "for the clean photo counts as right",
        )
    if "rank" in method.commands:
        add("--ranking", type=Path, metavar="FILE", help="of rank (default: the recipe's)")
    add(
        "--corruption",
        dest="corruptions",
        nargs="+",
        metavar="NAME[:LEVEL]",
        help=f"corruptions of the photos: names and families of the registry (default: "
        f"{' '.join(training.corruptions)})",
    )
    add_flags(parser, TrainSettings, but=["corruptions"])
    add_split(parser)
    parser.set_defaults(labels=None, ranking=None, **training.defaults())
