"""mobile-robust convert: recipes in, verified TFLite and Core ML files out."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from mobile_robust.contracts.chips import CHIPS, Chip
from mobile_robust.contracts.manifest import Manifest, read_manifest
from mobile_robust.contracts.precisions import PRECISIONS
from mobile_robust.contracts.recipe import Recipe
from mobile_robust.contracts.targets import TARGETS
from mobile_robust.errors import InputError
from mobile_robust.export.listing import list_note, list_table
from mobile_robust.export.override import override
from mobile_robust.options import add_split, seed, split_of
from mobile_robust.parity.advice import advice
from mobile_robust.parity.table import render_table
from mobile_robust.recipes import built_in_recipes, load_recipe
from mobile_robust.reporting.console import make_console
from mobile_robust.reporting.progress import progress_bar
from mobile_robust.reporting.text import count_of

if TYPE_CHECKING:
    from mobile_robust.data.dataset import PhotoDataset
    from mobile_robust.export.finished import Build

EXAMPLES = """examples:
  mobile-robust convert                              the default recipe, into build/
  mobile-robust convert --list                       what can be built
  mobile-robust convert afd_mobilenetv2_pipeline --backbone-weights mobilenetv2.safetensors \\
      --weights afd_nano.safetensors --calibration photos/     one file to drop into an app
  mobile-robust convert --npu SM8550 SM8650 SM8750   int8 compiled for Snapdragon NPUs as well
  mobile-robust convert my_recipe.toml --target tflite --precision int8
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        prog="mobile-robust convert",
        description="Build recipes into TFLite and Core ML files, and verify each against PyTorch on every runtime.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("recipe", nargs="*", help="name of a built-in recipe, or path of a .toml; none: the default")
    p.add_argument("--out", type=Path, default=Path("build"), metavar="DIR", help="one folder per recipe (%(default)s)")
    p.add_argument("--target", nargs="+", choices=tuple(TARGETS), help="only these of the recipe's targets")
    p.add_argument(
        "--precision",
        nargs="+",
        choices=tuple(PRECISIONS),
        help="only these precisions; int8 is static int8 on TFLite and 8-bit weights (int8w) on Core ML",
    )
    p.add_argument("--weights", metavar="FILE", help="the module's weights (.safetensors) instead of the recipe's")
    backbone = p.add_mutually_exclusive_group()
    backbone.add_argument(
        "--backbone-weights", metavar="FILE", help="the backbone's weights (.safetensors), or timm:NAME to download"
    )
    backbone.add_argument(
        "--random-backbone",
        type=int,
        action=seed(),
        metavar="SEED",
        help="random weights, for the recipes that have a backbone: files for latency only",
    )
    p.add_argument(
        "--calibration", type=Path, metavar="DIR", help="photos for int8 ranges and parity; a few dozen are enough"
    )
    add_split(p, "of --calibration, never touch the photos that evaluate --holdout FRACTION scores")
    p.add_argument(
        "--npu",
        nargs="+",
        choices=CHIPS,
        default=[],
        metavar="CHIP",
        help=f"also compile the int8 TFLite file for the NPU of these chips ({', '.join(sorted(CHIPS))}); an app needs "
        "LiteRT 2 with Qualcomm's dispatch library to run it; see mobile-robust npu setup",
    )
    p.add_argument(
        "--app-kit",
        action="store_true",
        help="also write Kotlin and Swift code that uses the files, into app_kit/ beside them",
    )
    p.add_argument("--list", action="store_true", help="list the built-in recipes and stop")
    p.add_argument("--json", action="store_true", help="print the manifests as JSON instead of tables")
    p.add_argument("--force", action="store_true", help="build again even if nothing has changed")
    return p


def main(arguments: list[str]) -> int:
    """Runs the command; 0 where every file was made and every parity check passed, otherwise 1.

    Raises:
        InputError: Bad input; or no recipe can be built, and nothing of them is left behind.
    """
    options = parser().parse_args(arguments)
    console = make_console()
    if options.list:
        console.print(list_table())
        console.print(list_note())
        return 0
    named = options.recipe or [name for name in built_in_recipes() if load_recipe(name).default]
    loaded = [load_recipe(name) for name in named]
    some = any(recipe.backbone for recipe in loaded)  # a random backbone is for those that have one
    recipes = [
        override(
            recipe,
            targets=options.target or (),
            precisions=options.precision or (),
            weights=options.weights,
            backbone_weights=options.backbone_weights,
            random_backbone=options.random_backbone if recipe.backbone or not some else None,
        )
        for recipe in loaded
    ]
    if len({recipe.name for recipe in recipes}) < len(recipes):
        raise InputError("two recipes have the same name, so they would share a folder")
    if options.holdout is not None and options.calibration is None:
        raise InputError(f"--holdout {options.holdout:g}: of the photos in --calibration DIR, which is missing")
    from mobile_robust.data.dataset import PhotoDataset

    photos = None
    if options.calibration:
        photos = PhotoDataset.from_folder(options.calibration, split=split_of(options))

    manifests, chips = [], list(dict.fromkeys(options.npu))
    notes = make_console(stderr=True)
    for number, recipe in enumerate(recipes, start=1):
        title = f"{recipe.name} ({number}/{len(recipes)})"
        try:
            build = _built(recipe, options, photos, chips, title, notes)
        except InputError as error:
            if len(recipes) == 1:
                raise
            notes.print(f"error: recipe {recipe.name} is not built: {error}", style="bold red", soft_wrap=True)
            continue
        manifests.append(build.manifest)
        if options.app_kit:
            _write_app_kit(build, notes)
        if build.notice:
            notes.print(f"warning: {build.notice}", style="yellow")
        if not options.json:
            _show(console, build)
    if options.json:
        print(json.dumps([manifest.model_dump(mode="json") for manifest in manifests], indent=2))
    if not manifests:
        raise InputError(f"none of the {len(recipes)} recipes can be built")
    return 0 if len(manifests) == len(recipes) and all(manifest.passed for manifest in manifests) else 1


def _built(
    recipe: Recipe,
    options: argparse.Namespace,
    photos: PhotoDataset | None,
    chips: Sequence[Chip],
    title: str,
    notes: Console,
) -> Build:
    """The build that is there, or a new one."""
    from mobile_robust.export.finished import up_to_date

    if not options.force and not chips and (build := up_to_date(recipe, options.out, photos)):
        return build
    notes.print(_announcement(recipe, options.out), style="dim", soft_wrap=True)
    from mobile_robust.export.build import convert, count_steps  # imports PyTorch: not for what needs no building

    with progress_bar(notes, title, count_steps(recipe, chips)) as step:
        return convert(recipe, options.out, calibration=photos, npu=chips, force=options.force, on_step=step)


def _announcement(recipe: Recipe, out: Path) -> str:
    """What is going to be done, and about how long it takes."""
    files = count_of(len(recipe.artifacts.pairs()), "file")
    try:
        last = f"the last time: {_duration(read_manifest(out / recipe.name))}"
    except InputError:
        last = "a MobileNet takes about a minute on two idle cores, larger networks longer"
    return f"{recipe.name}: converts to {files} and verifies each; {last}"


def _duration(manifest: Manifest) -> str:
    """How long it took, and how much of that a GPU that is emulated."""
    said = f"built in {sum(manifest.seconds.values()):.0f} s"
    results = [result for artifact in manifest.artifacts for result in artifact.parity if result.placement]
    emulated = [result for result in results if result.placement and "SwiftShader" in result.placement.accelerator]
    if not emulated:
        return said
    seconds = sum(result.seconds for result in emulated)
    return f"{said}, {seconds:.0f} s of them on the GPU engine, which here has no GPU and renders in software"


def _write_app_kit(build: Build, notes: Console) -> None:
    from mobile_robust.export.app_kit.kit import FOLDER, write_app_kit

    if write_app_kit(build.manifest, build.folder):
        notes.print(f"code for apps: {build.folder / FOLDER}", soft_wrap=True)
    else:
        notes.print(f"no code for apps: {build.manifest.recipe.name} gives no class scores", style="yellow")


def _show(console: Console, build: Build) -> None:
    render_table(build.manifest, console)
    state = "up to date, nothing rebuilt" if build.reused else _duration(build.manifest)
    console.print(f"{state}: {build.folder / 'report.html'}", soft_wrap=True)
    for sentence in advice(build.manifest, build.folder):
        console.print(sentence, soft_wrap=True)
