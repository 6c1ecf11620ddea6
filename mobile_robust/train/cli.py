"""Command line of ``python -m mobile_robust.train``."""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from pathlib import Path

from mobile_robust.contracts.recipe import load_recipe
from mobile_robust.errors import InputError
from mobile_robust.options import add_split

_EXAMPLES = """examples:
  python -m mobile_robust.train afd afd_mobilenetv2_pipeline --images photos/ \\
      --backbone-weights mobilenetv2.safetensors --out afd_nano.safetensors
  python -m mobile_robust.train sympie sympie_mobilenetv2_pipeline --images photos/ --labels folders \\
      --backbone-weights mobilenetv2.safetensors --holdout 0.4 --out sympie.safetensors
  python -m mobile_robust.train deepcorrect deepcorrect_cifar10_resnet20 --images train/ --labels folders \\
      --corruption awgn --out units.safetensors
  python -m mobile_robust.train afd afd_mobilenetv2_pipeline --images photos/ \\
      --backbone-weights mobilenetv2.safetensors --start afd_nano.safetensors --quantized --steps 200 --rate 3e-4 \\
      --out afd_nano_int8.safetensors
  accelerate launch -m mobile_robust.train afd my_recipe.toml --images photos/ --out afd.safetensors
"""

#: By method: one line, description, default corruptions, steps, crops a step and learning rate.
_METHODS: dict[str, tuple[str, str, tuple[str, ...], int, int, float]] = {
    "afd": (
        "AFD-Module, from photos without labels",
        "Train AFD-Module on photos and their JPEG-compressed selves; no labels are needed.",
        ("jpeg",),
        2000,
        16,
        3e-3,
    ),
    "sympie": (
        "SyMPIE, through a frozen classifier",
        "Train SyMPIE's estimator through a frozen classifier on photos with ImageNet-C's corruptions and the paper's "
        "four.",
        ("imagenet_c", "light"),
        2000,
        16,
        3e-5,
    ),
    "deepcorrect": (
        "DeepCorrect, on the filters of a ranking",
        "Train the correction units of the filters that a ranking names (see python -m mobile_robust.rank) on clean "
        "and distorted photos, half and half.",
        ("awgn",),
        4000,
        128,
        5e-3,
    ),
}


def main(argv: list[str]) -> int:
    """Trains a module and writes its weights, a log, a plot and a card.

    Raises:
        InputError: Bad input, or a loss that is no number any more; no weights are written.
    """
    options = _parser().parse_args(argv)
    _check(options)
    recipe = load_recipe(options.recipe)
    if options.backbone_weights:
        recipe = recipe.with_backbone_weights(options.backbone_weights)
    if options.ranking:
        weights = recipe.weights.model_copy(update={"ranking": str(options.ranking)})
        recipe = recipe.model_copy(update={"weights": weights})
    if find_spec("accelerate") is None:
        raise InputError("training needs Accelerate: pip install 'mobile-robust[train]'")
    from mobile_robust.train.run import run  # PyTorch: too slow for --help and mistyped options

    run(options, recipe, argv)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mobile_robust.train",
        description="Train a repair module for one backbone.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    methods = parser.add_subparsers(metavar="METHOD", required=True, dest="method")
    for name, (line, description, corruptions, steps, batch, rate) in _METHODS.items():
        method = methods.add_parser(
            name,
            help=line,
            description=f"{description} Writes FILE, and beside it a log (.jsonl, one line a step), its plot (.png) "
            "and a card (.md) that says how the weights came about. Stopped and started again, it goes on from its "
            "last checkpoint.",
        )
        method.add_argument("recipe", metavar="RECIPE", help="name of a built-in recipe, or path of a .toml")
        method.add_argument("--images", required=True, type=Path, metavar="DIR", help="folder of photos of any size")
        method.add_argument("--out", required=True, type=Path, metavar="FILE", help="the weights, .safetensors")
        method.add_argument("--backbone-weights", metavar="FILE", help="the backbone's weights, or timm:NAME to load")
        _add_own(method, name)
        method.add_argument(
            "--corruption",
            nargs="+",
            default=list(corruptions),
            metavar="NAME[:LEVEL]",
            help=f"what goes wrong with the photos: names and families of the registry (default: "
            f"{' '.join(corruptions)})",
        )
        method.add_argument(
            "--start",
            type=Path,
            metavar="FILE",
            help="trained weights of the same module to go on from, .safetensors (default: a module that changes "
            "nothing)",
        )
        method.add_argument(
            "--quantized",
            action="store_true",
            help="finish the weights of --start for int8: compute with an int8 file's rounding, batch norms fixed. A "
            f"few hundred steps at a tenth of the rate: --steps 200 --rate {rate / 10:g}",
        )
        method.add_argument("--steps", type=int, default=steps, metavar="N", help="default: %(default)s")
        method.add_argument("--batch", type=int, default=batch, metavar="N", help="crops a step (default: %(default)s)")
        method.add_argument(
            "--crop",
            type=int,
            metavar="N",
            help="side of the crops in pixels (default: the method's share of the photo)",
        )
        method.add_argument(
            "--rate", type=float, default=rate, metavar="R", help="learning rate (default: %(default)s)"
        )
        method.add_argument("--seed", type=int, default=0, metavar="N", help="of all that is random (default: 0)")
        add_split(method)
        method.add_argument(
            "--checkpoint-every", type=int, default=100, metavar="N", help="steps (default: %(default)s)"
        )
        method.add_argument("--threads", type=int, default=2, metavar="N", help="CPU threads (default: %(default)s)")
        method.add_argument(
            "--readers", type=int, default=1, metavar="N", help="processes that read photos (default: %(default)s)"
        )
        method.add_argument("--cpu", action="store_true", help="leave the GPU alone")
        method.add_argument(
            "--mixed-precision", choices=("no", "fp16", "bf16"), default="no", help="on a GPU (default: no)"
        )
    return parser


def _add_own(parser: argparse.ArgumentParser, method: str) -> None:
    """A method's own options."""
    parser.set_defaults(labels=None, ranking=None, loss=None, fit=0)
    if method == "afd":
        parser.add_argument(
            "--loss",
            choices=("tail", "features", "channels"),
            default="tail",
            help="features: the paper's squared error of the features; channels: the same, each channel in units of "
            "its own variance; tail: features, and what the rest of the network makes of them (default)",
        )
        return
    if method == "sympie":
        parser.add_argument(
            "--loss",
            choices=("tail", "answers"),
            default="tail",
            help="answers: the paper's cross-entropy alone; tail: and how far the network's maps are from those of the "
            "clean photo (default)",
        )
        parser.add_argument(
            "--fit",
            type=int,
            default=None,
            metavar="N",
            help="of the steps, the first N fit the last layer in closed form (default: a quarter of them); 0: none, "
            "which wants a higher --rate, such as 1e-3",
        )
    parser.add_argument(
        "--labels",
        metavar="names|folders|FILE.csv",
        help="the right classes, see evaluate --help. Without it no labels are needed: what the backbone answers to "
        "the clean photo counts as right",
    )
    if method == "deepcorrect":
        parser.add_argument("--ranking", type=Path, metavar="FILE", help="of rank (default: the recipe's)")


def _check(options: argparse.Namespace) -> None:
    if options.fit is None:
        options.fit = options.steps // 4
    if not 0 <= options.fit <= options.steps:
        raise InputError(f"--fit {options.fit}: allowed are 0 to --steps {options.steps}")
    least = {"steps": 1, "batch": 1, "threads": 1, "checkpoint_every": 1, "seed": 0, "readers": 0}
    for name, lowest in least.items():
        if (value := getattr(options, name)) < lowest:
            raise InputError(f"--{name.replace('_', '-')} {value}: must be {lowest} or more")
    if options.crop is not None and (options.crop < 32 or options.crop % 32):
        raise InputError(f"--crop {options.crop}: allowed are multiples of 32")
    if not 0 < options.rate <= 1:
        raise InputError(f"--rate {options.rate:g}: allowed are rates greater than 0, at most 1")
    if options.quantized and options.start is None:
        raise InputError("--quantized finishes trained weights: name them with --start FILE")
    if options.out.suffix != ".safetensors":
        raise InputError(f"--out {options.out}: the file's name must end with .safetensors")
