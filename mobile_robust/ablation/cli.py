"""Command line of ``mobile-robust ablate``."""

from __future__ import annotations

import argparse
from pathlib import Path

from mobile_robust.corruptions import select
from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.errors import InputError
from mobile_robust.methods.registry import methods
from mobile_robust.options import MOST_PROCESSES, add_split, at_least, make_folder, seed, split_of
from mobile_robust.recipes import load_recipe
from mobile_robust.reporting.console import make_console
from mobile_robust.reporting.progress import work_bar
from mobile_robust.training.settings import MOST_BATCH, TrainSettings, training_of

_EXAMPLES = """examples:
  mobile-robust ablate afd afd_mobilenetv2_pipeline --backbone-weights mobilenetv2.safetensors \\
      --images photos/ --holdout 0.4 --steps 400 --out ablation/
  mobile-robust ablate dir dir_mobilenetv2_pipeline --images photos/ --holdout 0.4 --steps 2000 \\
      --corruption isp_default isp_low_light isp_ablation --score isp --restoration --out ablation/
  mobile-robust ablate deepcorrect deepcorrect_cifar10_resnet20 --images train/ --labels folders \\
      --holdout 0.02 --corruption awgn --steps 400 --batch 128 --out ablation/
"""


def main(argv: list[str]) -> int:
    """Trains every row with the same seed, photos and steps, and scores all of them on the held-out photos; after an
    InputError what was trained so far stays, and the same command resumes."""
    options = _parser().parse_args(argv)
    recipe = load_recipe(options.recipe)
    if recipe.method != options.method:
        raise InputError(f"recipe {recipe.name} is for method {recipe.method!r}, not {options.method!r}")
    if options.backbone_weights:
        recipe = recipe.with_backbone_weights(options.backbone_weights)
    select(options.score or [])
    method, split = methods()[options.method], split_of(options)
    given = {name: getattr(options, name) for name in ("steps", "batch", "seed", "threads")}
    settings = TrainSettings.of(method, corruptions=options.corruption, **given)
    photos = PhotoDataset.from_folder(options.images, options.labels if training_of(method).labels else None, split)
    scored = PhotoDataset.from_folder(options.images, options.labels or "names", split, held_out=True)
    # PyTorch: too slow for --help and mistyped options
    from mobile_robust.ablation.run import train_ablations
    from mobile_robust.evaluation.run import evaluate
    from mobile_robust.evaluation.table import print_scores
    from mobile_robust.restoration.modules import resolve
    from mobile_robust.restoration.run import measure_restoration
    from mobile_robust.restoration.table import print_restoration

    if options.restoration:
        resolve([options.recipe], None, [])  # a method that repairs no photo is refused before the first training
    errors, console, wanted = make_console(stderr=True), make_console(), options.score or options.corruption
    recipes = train_ablations(
        recipe,
        photos,
        scored,
        options.out,
        settings,
        lambda number, count, name: errors.print(f"{number} of {count}: {name}"),
        options.only,
    )
    with work_bar(errors, "photos x settings x models") as on_progress:
        scores = evaluate(
            [str(path) for path in recipes],
            scored,
            wanted,
            seed=options.seed,
            jobs=options.jobs,
            out=options.out / "scores",
            on_progress=on_progress,
            on_warning=lambda text: errors.print(text, style="yellow"),
        )
    print_scores(scores, console)
    console.print("\n".join(map(str, scores.files)), soft_wrap=True)
    if options.restoration:
        make_folder(options.out / "restoration")
        with work_bar(errors, "photos") as on_progress:
            restored = measure_restoration(
                [str(path) for path in recipes],
                scored,
                wanted,
                seed=options.seed,
                out=options.out / "restoration",
                on_progress=on_progress,
                on_warning=lambda text: errors.print(text, style="yellow"),
            )
        print_restoration(restored, console)
        console.print("\n".join(map(str, restored.files)), soft_wrap=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mobile-robust ablate",
        description="What each idea of a method is worth: trains it with and without, with the same seed, photos and "
        "steps, and scores everything on the held-out photos. Stopped and started again, it resumes where it was.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    known = [name for name, method in methods().items() if method.ablations is not None]
    add = parser.add_argument
    add("method", choices=known, help="what is ablated")
    add("recipe", metavar="RECIPE", help="name of a built-in recipe, or path of a .toml")
    add("--backbone-weights", metavar="FILE", help="the backbone's weights, or timm:NAME to load")
    add("--images", required=True, type=Path, metavar="DIR", help="folder of photos")
    add("--labels", metavar="names|folders|FILE.csv", help="the right classes, see evaluate --help")
    add_split(parser, "of the photos: scored, never trained on", required=True)
    add("--corruption", nargs="+", default=["jpeg"], metavar="NAME[:LEVEL]", help="trained on (default: jpeg)")
    other = "scored on, such as what none was trained on (default: what they are trained on)"
    add("--score", nargs="+", metavar="NAME[:LEVEL]", help=other)
    add("--restoration", action="store_true", help="of methods that repair the photo: PSNR, SSIM, feature distance too")
    add("--only", nargs="+", default=[], metavar="ROW", help="these rows, more of them later (default: all)")
    add("--steps", type=int, action=at_least(1), default=400, metavar="N", help="a row (default: %(default)s)")
    most = at_least(1, most=MOST_BATCH)
    add("--batch", type=int, action=most, default=16, metavar="N", help="crops a step (default: %(default)s)")
    add("--seed", type=int, action=seed(), default=0, metavar="N", help="of all that is random (default: 0)")
    processes = at_least(1, most=MOST_PROCESSES)
    add("--threads", type=int, action=processes, default=2, metavar="N", help="of the training (default: %(default)s)")
    add("--jobs", type=int, action=processes, metavar="N", help="processes that score (default: one a CPU core)")
    add("--out", required=True, type=Path, metavar="DIR", help="recipes, weights, scores")
    return parser
