"""Command line of ``python -m mobile_robust closeness``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from mobile_robust.contracts.recipe import Recipe, WeightsSection
from mobile_robust.corruptions import SMALL_SIDE, select
from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.data.images import Photo
from mobile_robust.errors import InputError
from mobile_robust.files import write_output
from mobile_robust.methods.dir.method import METHOD
from mobile_robust.options import add_split, at_least, file_name, seed, split_of
from mobile_robust.recipes import load_recipe
from mobile_robust.reporting.console import make_console
from mobile_robust.reporting.intervals import Interval
from mobile_robust.reporting.progress import work_bar
from mobile_robust.reporting.tables import Table
from mobile_robust.reporting.text import plus_minus

if TYPE_CHECKING:
    from mobile_robust.methods.dir.closeness.measure import Closeness

_EXAMPLES = """examples:
  python -m mobile_robust closeness dir_224 --weights dir.safetensors --images photos
  python -m mobile_robust closeness dir_mobilenetv2_pipeline --images photos --holdout 0.2 \\
      --corruption isp_demosaicing isp_gamma --out closeness.json
"""
_LEGEND = (
    "same photo: distance between two degraded copies of one photo as a fraction of that between copies of two photos; "
    "off: difference to what DfRNet makes of the clean photo (photo: to the clean one), as a fraction of that between "
    "two clean ones; probe: how often a linear classifier tells the degradation"
)


def main(argv: list[str]) -> int:
    """Measures the initial weights and, where there are others, these; prints a table, and writes ``--out``."""
    options = _parser().parse_args(argv)
    recipe = load_recipe(options.recipe)
    if recipe.method != METHOD.name:
        raise InputError(f"recipe {recipe.name} is for method {recipe.method!r}; closeness is of {METHOD.name!r}")
    recipe = recipe.with_weights(options.weights) if options.weights else recipe
    small = recipe.input.complete and recipe.input.height_width[0] <= SMALL_SIDE
    degradations = [(e.name, level) for e, levels in select(options.corruption, small).items() for level in levels]
    photos = PhotoDataset.from_folder(options.images, split=split_of(options), held_out=True)
    photos = photos.drawn(options.count, options.seed)
    # PyTorch: too slow for --help and mistyped options
    from mobile_robust.data.image_spec import ImageSpec
    from mobile_robust.methods.dir.closeness.measure import measure
    from mobile_robust.methods.dir.network import DiR
    from mobile_robust.pipelines import build_model

    errors, found, chance = make_console(stderr=True), {}, 0.0
    models = {name: build_model(each) for name, each in _states(recipe).items()}
    for model in models.values():
        if model.trained:
            model.trained.check_unseen(photos, recipe.name)
    with work_bar(errors, "photos") as on_progress:
        done, total = count(1), len(photos) * len(models)

        def counted(name: str) -> Iterator[tuple[int, Photo]]:
            for numbered in photos:
                on_progress(name, next(done), total)
                yield numbered

        for name, model in models.items():
            module = model.adapter
            assert isinstance(module, DiR)
            if model.recipe.weights.file is None:
                module.start_at_identity()  # as a training does
            image = ImageSpec.of(model.recipe.input)
            found[name], chance = measure(module, counted(name), image, degradations, options.seed)
    if message := photos.skipped_message():
        errors.print(Text(message, "yellow"))
    console = make_console()
    read = len(photos) - len(photos.broken)
    console.print(Text(f"{read} photos; {_LEGEND} (the most frequent: {100 * chance:.0f} %)"))
    console.print(_table(found).terminal())
    if options.out:
        kinds = [f"{name}:{level:g}" for name, level in degradations]
        facts = {"recipe": recipe.name, "photos": read, "photos_sha256": photos.digest, "seed": options.seed}
        figures = {state: {name: asdict(each) for name, each in rows.items()} for state, rows in found.items()}
        document = {**facts, "degradations": kinds, "most_frequent": chance, "figures": figures}
        write_output(options.out, json.dumps(document, indent=2) + "\n")
        console.print(Text(str(options.out)), soft_wrap=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mobile_robust closeness",
        usage="%(prog)s RECIPE --images DIR [options]",
        description="How little DiR's representations depend on the degradation, with its initial weights and with "
        "trained ones: how close those of two degraded copies of a photo are, how close to the clean photo's, and "
        "whether a linear classifier can tell the degradation. Labels are not needed.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("recipe", metavar="RECIPE", help="of method dir: name of a built-in recipe, or path of a .toml")
    add("--weights", metavar="FILE", help="trained weights (default: the recipe's, if it names any)")
    add("--images", required=True, type=Path, metavar="DIR", help="folder of clean photos, not those it was trained on")
    add("--count", type=int, action=at_least(1), metavar="N", help="draw N photos with the seed (default: all)")
    measured = "measure only FRACTION of the photos, drawn by SEED; train with the same options takes the others"
    add_split(parser, measured, whole=True)
    assert METHOD.training is not None
    names = list(METHOD.training.corruptions)
    kinds = f"what two copies of every photo are degraded with (default: {' '.join(names)})"
    add("--corruption", nargs="+", default=names, metavar="NAME[:LEVEL]", help=kinds)
    add("--seed", type=int, action=seed(), default=0, metavar="N", help="of all that is drawn (default: 0)")
    add("--out", type=Path, action=file_name(".json"), metavar="FILE", help="the figures, .json")
    return parser


def _states(recipe: Recipe) -> dict[str, Recipe]:
    """Before the training, and after it where the recipe names weights."""
    initial = recipe.model_copy(update={"weights": WeightsSection(seed=recipe.weights.seed)})
    return {"initial": initial, **({"trained": recipe} if recipe.weights.file else {})}


def _table(found: Mapping[str, Mapping[str, Closeness]]) -> Table:
    rows = []
    for state, figures in found.items():
        for name, each in figures.items():
            if name == "photo" and state != "initial":
                continue  # it is the same with any weights
            cells = _text(each.same), _text(each.off), _text(each.probe, 100, 0)
            rows.append([name if name == "photo" else f"{name}, {state}", *cells])
    return Table.of(("", "same photo", "off", "probe, %"), rows)


def _text(interval: Interval | None, scale: float = 1, digits: int = 2) -> str:
    if interval is None:
        return ""
    return f"{scale * interval.value:.{digits}f}{plus_minus(interval, digits, scale)}"
