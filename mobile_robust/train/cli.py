"""Command line of ``python -m mobile_robust.train``."""

from __future__ import annotations

import argparse
import json
import platform
import shlex
from collections.abc import Iterable
from dataclasses import asdict
from datetime import date
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mobile_robust import __version__
from mobile_robust.contracts.recipe import load_recipe
from mobile_robust.data import find_images
from mobile_robust.errors import InputError
from mobile_robust.evaluate.labels import add_holdout, hold_out
from mobile_robust.files import sha256, write_atomically

if TYPE_CHECKING:
    from mobile_robust.systems import System
    from mobile_robust.train.afd import CropPairs, Settings, Step

_EXAMPLES = """examples:
  python -m mobile_robust.train afd afd_mobilenetv2_pipeline --images photos/ \\
      --backbone-weights mobilenetv2.safetensors --out afd_nano.safetensors
  python -m mobile_robust.train afd my_recipe.toml --images photos/ --holdout 0.4 --out afd.safetensors
"""

#: Steps over which a loss is averaged before it is shown.
_WINDOW = 50


def main(argv: list[str]) -> int:
    """Trains a module and writes its weights, a log and a card.

    Raises:
        InputError: Bad input, or a loss that is no number any more; no weights are written.
    """
    options = _parser().parse_args(argv)
    _check(options)
    recipe = load_recipe(options.recipe)
    if options.backbone_weights:
        recipe = recipe.with_backbone_weights(options.backbone_weights)
    paths = find_images(options.images)
    if options.holdout is not None:
        held = set(hold_out(paths, options.holdout, options.holdout_seed))
        paths = [path for path in paths if path not in held]
        if not paths:
            raise InputError(f"--holdout {options.holdout:g}: of {len(held)} images that leaves none to train on")

    import torch  # too slow for --help and mistyped options
    from safetensors.torch import save

    from mobile_robust.train import afd

    torch.set_num_threads(options.threads)
    settings = afd.Settings(options.steps, options.batch)
    system = afd.start(recipe, options.seed)
    pairs = afd.crop_pairs(recipe, paths, options.seed)
    out: Path = options.out
    _write(out.with_suffix(".jsonl"), "")  # a folder that cannot be written shows before the work, not after
    errors = Console(stderr=True)
    started = monotonic()
    steps = _watch(afd.train(system, pairs, settings), settings.steps, out.with_suffix(".jsonl"), errors)
    seconds = monotonic() - started
    state = {name: tensor.contiguous() for name, tensor in system.module.state_dict().items()}
    _write(out, save(state))
    _write(out.with_suffix(".md"), _card(options, system, pairs, settings, steps, seconds))
    if pairs.skipped:
        named = "; ".join(f"{path}: {reason}" for path, reason in pairs.skipped[:3])
        errors.print(f"left out {len(pairs.skipped)} broken images: {named}", style="yellow", markup=False)
    Console().print(f"{out}: {len(state)} tensors after {len(steps)} steps in {seconds:.0f} s", highlight=False)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mobile_robust.train",
        description="Train a repair module for one backbone.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    methods = parser.add_subparsers(metavar="METHOD", required=True)
    afd = methods.add_parser(
        "afd",
        help="AFD-Module, from photos without labels",
        description="Train AFD-Module on photos and their JPEG-compressed selves; no labels are needed. Writes FILE, "
        "a log beside it (.jsonl, one line a step) and a card (.md) that says how the weights came about.",
    )
    afd.add_argument("recipe", metavar="RECIPE", help="name of a built-in recipe, or path of a .toml")
    afd.add_argument("--images", required=True, type=Path, metavar="DIR", help="folder of photos of any size")
    afd.add_argument("--out", required=True, type=Path, metavar="FILE", help="the weights, .safetensors")
    afd.add_argument("--backbone-weights", metavar="FILE", help="the backbone's weights, or timm:NAME to download")
    afd.add_argument("--steps", type=int, default=2000, metavar="N", help="default: %(default)s")
    afd.add_argument("--batch", type=int, default=16, metavar="N", help="crops per step (default: %(default)s)")
    afd.add_argument("--seed", type=int, default=0, metavar="N", help="of weights, crops and compression (default: 0)")
    add_holdout(afd)
    afd.add_argument("--threads", type=int, default=2, metavar="N", help="CPU threads (default: %(default)s)")
    return parser


def _check(options: argparse.Namespace) -> None:
    for name, least in (("steps", 1), ("batch", 1), ("threads", 1), ("seed", 0), ("holdout_seed", 0)):
        if (value := getattr(options, name)) < least:
            raise InputError(f"--{name.replace('_', '-')} {value}: must be {least} or more")
    if options.holdout is not None and not 0 < options.holdout < 1:
        raise InputError(f"--holdout {options.holdout:g}: allowed are fractions greater than 0 and less than 1")
    if options.out.suffix != ".safetensors":
        raise InputError(f"--out {options.out}: the file's name must end with .safetensors")


def _watch(steps: Iterable[Step], count: int, log: Path, console: Console) -> list[Step]:
    """Runs a training to its end with a progress bar and a log of one JSON line a step."""
    done: list[Step] = []
    text = "[progress.description]{task.description}  loss {task.fields[loss]:.4f}  rate {task.fields[rate]:.1e}"
    columns = (TextColumn(text), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with log.open("w") as file, Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("training", total=count, loss=np.nan, rate=np.nan)
        for step in steps:
            done.append(step)
            file.write(json.dumps(asdict(step)) + "\n")
            file.flush()
            loss = float(np.mean([s.loss for s in done[-_WINDOW:]]))
            progress.update(task, advance=1, loss=loss, rate=step.rate)
    return done


def _card(
    options: argparse.Namespace,
    system: System,
    pairs: CropPairs,
    settings: Settings,
    steps: list[Step],
    seconds: float,
) -> str:
    """How the weights came about, in Markdown, without a path of this machine."""
    import torch

    recipe, first, last = system.recipe, steps[:_WINDOW], steps[-_WINDOW:]
    losses = [f"{np.mean([s.loss for s in part]):.4f}" for part in (first, last)]
    split = "all"
    if options.holdout is not None:
        split = f"all but those of `evaluate --holdout {options.holdout:g} --holdout-seed {options.holdout_seed}`"
    rows = {
        "recipe": f"{recipe.name}: {recipe.method}, {json.dumps(recipe.options)}, input {recipe.input.words()}",
        "backbone": f"{system.provenance.backbone}, SHA-256 {system.provenance.backbone_sha256}, {system.where}",
        "photos": f"{len(pairs.photos)}, {split}; no labels",
        "training": f"{settings.steps} steps of {settings.batch} crops of {pairs.side} x {pairs.side}, "
        f"Adam with a rate of {settings.rate:g}, seed {options.seed}",
        "loss": f"{losses[0]} over the first {len(first)} steps, {losses[1]} over the last",
        "time": f"{seconds:.0f} s on {options.threads} CPU threads, {platform.machine()} {platform.system()}",
        "date": date.today().isoformat(),
        "versions": f"mobile-robust {__version__}, PyTorch {torch.__version__}, Python {platform.python_version()}",
        "SHA-256": sha256(options.out),
    }
    table = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
    return (
        f"# {options.out.name}\n\n| | |\n|---|---|\n{table}\n\n"
        f"Trained with\n\n```\n{_command(options)}\n```\n\n"
        "## Licence\n\nThe weights were computed from the photos and the backbone named above; "
        "what their licences ask for holds here too.\n"
    )


def _command(options: argparse.Namespace) -> str:
    """The command that was run, with names where the files lie elsewhere on another machine."""
    words = ["python -m mobile_robust.train afd", Path(options.recipe).name, "--images PHOTOS/"]
    if given := options.backbone_weights:
        words.append(f"--backbone-weights {shlex.quote(given if given.startswith('timm:') else Path(given).name)}")
    words.append(f"--steps {options.steps} --batch {options.batch} --seed {options.seed}")
    if options.holdout is not None:
        words.append(f"--holdout {options.holdout:g} --holdout-seed {options.holdout_seed}")
    words += [f"--threads {options.threads}", f"--out {shlex.quote(options.out.name)}"]
    return " \\\n    ".join(words)


def _write(path: Path, data: bytes | str) -> None:
    try:
        write_atomically(path, data)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from None
