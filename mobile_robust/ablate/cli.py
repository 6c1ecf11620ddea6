"""Command line of ``python -m mobile_robust.ablate``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import tomli_w
from rich.console import Console

from mobile_robust.ablate.plans import PLANS, Row
from mobile_robust.contracts.recipe import Recipe, WeightsSection, load_recipe
from mobile_robust.errors import InputError
from mobile_robust.evaluate.cli import main as evaluate
from mobile_robust.files import write_output
from mobile_robust.options import add_split, split_of
from mobile_robust.train.cli import main as train

_EXAMPLES = """examples:
  python -m mobile_robust.ablate afd afd_mobilenetv2_pipeline --backbone-weights mobilenetv2.safetensors \\
      --images photos/ --holdout 0.4 --steps 400 --out ablation/
  python -m mobile_robust.ablate deepcorrect deepcorrect_cifar10_resnet20 --images train/ --labels folders \\
      --holdout 0.02 --corruption awgn --steps 400 --batch 128 --out ablation/
"""


def main(argv: list[str]) -> int:
    """Trains every row with the same seed, photos and steps, and scores all of them on the held-out photos.

    Raises:
        InputError: Bad input; what was trained so far stays, and the same command goes on.
    """
    options = _parser().parse_args(argv)
    recipe = load_recipe(options.recipe)
    if options.backbone_weights:
        recipe = recipe.with_backbone_weights(options.backbone_weights)
    out: Path = options.out
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out {out}: {error.strerror or error}") from None
    rows = PLANS[options.method](recipe, out, options.seed)
    common = _common(options)
    _claim(out, [recipe.model_dump(mode="json"), common])
    console = Console(stderr=True)
    for number, row in enumerate(rows, start=1):
        weights = out / f"{row.name}.safetensors"
        if weights.exists():
            continue
        console.print(f"{number} of {len(rows)}: {row.name}", highlight=False)
        path = _write_recipe(out, row, None)
        words = ["--images", str(options.images), "--steps", str(options.steps), "--batch", str(options.batch)]
        words += ["--threads", str(options.threads), "--out", str(weights)]
        if options.labels:
            words += ["--labels", options.labels]
        train([options.method, str(path), *words, *common, *row.words])
    paths = [str(_write_recipe(out, row, out / f"{row.name}.safetensors")) for row in rows]
    scored = ["--images", str(options.images), "--labels", options.labels or "names", "--out", str(out / "scores")]
    if options.jobs:
        scored += ["--jobs", str(options.jobs)]
    return evaluate([*paths, *scored, *common])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mobile_robust.ablate",
        description="What each idea of a method is worth: trains it with and without, with the same seed, photos and "
        "steps, and scores everything on the held-out photos. Stopped and started again, it goes on where it was.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("method", choices=PLANS, help="what is ablated")
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


def _common(options: argparse.Namespace) -> list[str]:
    """What training and scoring have in common."""
    return [*str(split_of(options)).split(), "--seed", str(options.seed), "--corruption", *options.corruption]


def _claim(out: Path, settings: object) -> None:
    """Says in the folder what it is for.

    Raises:
        InputError: It is for something else, or cannot be written.
    """
    path, text = out / "settings.json", json.dumps(settings, indent=2) + "\n"
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise InputError(f"--out {out}: holds an ablation of another recipe or with other options; choose another")
    write_output(path, text)


def _write_recipe(out: Path, row: Row, weights: Path | None) -> Path:
    """``out/ROW.toml``, with its weights where there are any."""
    section = WeightsSection(file=str(weights.resolve())) if weights else row.recipe.weights
    recipe: Recipe = row.recipe.model_copy(update={"weights": section})
    path = out / f"{row.name}.toml"
    content = recipe.model_dump(mode="json", exclude={"name"}, exclude_none=True, exclude_defaults=True)
    write_output(path, tomli_w.dumps(content))
    return path
