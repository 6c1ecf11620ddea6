"""Command line of ``python -m mobile_robust.ablate``."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from mobile_robust.errors import InputError
from mobile_robust.evaluate.cli import main as evaluate
from mobile_robust.methods.registry import methods
from mobile_robust.options import add_split, split_of
from mobile_robust.recipes import load_recipe
from mobile_robust.train.settings import TrainSettings, training_of

_EXAMPLES = """examples:
  python -m mobile_robust.ablate afd afd_mobilenetv2_pipeline --backbone-weights mobilenetv2.safetensors \\
      --images photos/ --holdout 0.4 --steps 400 --out ablation/
  python -m mobile_robust.ablate deepcorrect deepcorrect_cifar10_resnet20 --images train/ --labels folders \\
      --holdout 0.02 --corruption awgn --steps 400 --batch 128 --out ablation/
"""


def main(argv: list[str]) -> int:
    """Trains every row with the same seed, photos and steps, and scores all of them on the held-out photos.

    Raises:
        InputError: Bad input; what was trained so far stays, and the same command resumes.
    """
    options = _parser().parse_args(argv)
    recipe = load_recipe(options.recipe)
    if recipe.method != options.method:
        raise InputError(f"recipe {recipe.name} is for method {recipe.method!r}, not {options.method!r}")
    if options.backbone_weights:
        recipe = recipe.with_backbone_weights(options.backbone_weights)
    method = methods()[options.method]
    settings = TrainSettings.of(
        method,
        corruptions=tuple(options.corruption),
        steps=options.steps,
        batch=options.batch,
        seed=options.seed,
        labels=options.labels if training_of(method).labels else None,
        split=split_of(options),
        threads=options.threads,
    )
    from mobile_robust.ablate.run import train_ablations  # PyTorch: too slow for --help and mistyped options

    console = Console(stderr=True)
    paths = train_ablations(
        recipe,
        options.images,
        options.out,
        settings,
        lambda number, count, name: console.print(f"{number} of {count}: {name}", highlight=False),
    )
    words = [
        "--images",
        str(options.images),
        "--labels",
        options.labels or "names",
        "--out",
        str(options.out / "scores"),
    ]
    if options.jobs:
        words += ["--jobs", str(options.jobs)]
    words += str(settings.split).split()
    return evaluate([*map(str, paths), *words, "--seed", str(options.seed), "--corruption", *options.corruption])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mobile_robust.ablate",
        description="What each idea of a method is worth: trains it with and without, with the same seed, photos and "
        "steps, and scores everything on the held-out photos. Stopped and started again, it resumes where it was.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    known = [name for name, method in methods().items() if method.ablations is not None]
    parser.add_argument("method", choices=known, help="what is ablated")
    parser.add_argument("recipe", metavar="RECIPE", help="name of a built-in recipe, or path of a .toml")
    parser.add_argument("--backbone-weights", metavar="FILE", help="the backbone's weights, or timm:NAME to load")
    parser.add_argument("--images", required=True, type=Path, metavar="DIR", help="folder of photos")
    parser.add_argument("--labels", metavar="names|folders|FILE.csv", help="the right classes, see evaluate --help")
    add_split(parser, "of the photos: scored, never trained on", required=True)
    parser.add_argument(
        "--corruption", nargs="+", default=["jpeg"], metavar="NAME[:LEVEL]", help="trained and scored (default: jpeg)"
    )
    parser.add_argument("--steps", type=int, default=400, metavar="N", help="a row (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=16, metavar="N", help="crops a step (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of all that is random (default: 0)")
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="of the training (default: %(default)s)")
    parser.add_argument("--jobs", type=int, metavar="N", help="processes that score (default: one a CPU core)")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="recipes, weights, scores")
    return parser
