"""One training from the options to the files: weights, log, plot and card."""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from safetensors.torch import save

from mobile_robust.contracts.recipe import Recipe
from mobile_robust.corruptions import SMALL_SIDE, Corruption, select
from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.errors import InputError
from mobile_robust.files import sha256, write_output
from mobile_robust.methods.task import Degradation
from mobile_robust.options import split_of
from mobile_robust.train.card import WINDOW, card
from mobile_robust.train.checkpoints import Checkpoints
from mobile_robust.train.loop import Settings, Step, train
from mobile_robust.train.methods import METHODS, start
from mobile_robust.train.plot import plot
from mobile_robust.train.stream import Batches


def run(options: argparse.Namespace, recipe: Recipe, words: Sequence[str]) -> None:
    """Trains and writes.

    Args:
        options: Of the command line, checked.
        recipe: With the weights and the ranking that the options name.
        words: The command line, for the card.

    Raises:
        InputError: See :func:`train`, :func:`start` and :class:`Batches`.
    """
    torch.set_num_threads(options.threads)
    accelerator = Accelerator(cpu=options.cpu, mixed_precision=options.mixed_precision)
    main = accelerator.is_main_process
    console = Console(stderr=True, quiet=not main)
    size = recipe.input.height_width
    chosen = select(options.corruption, small=size[0] <= SMALL_SIDE)
    degradations: list[Degradation] = [(entry.name, level) for entry, levels in chosen.items() for level in levels]
    dataset = PhotoDataset.from_folder(options.images, options.labels, split_of(options))
    if options.batch < accelerator.num_processes:
        raise InputError(f"--batch {options.batch}: must be {accelerator.num_processes} or more, one crop a process")

    method = METHODS[options.method]
    crop = (options.crop, options.crop) if options.crop else method.crop(size)
    if any(side > whole for side, whole in zip(crop, size, strict=True)):
        raise InputError(f"--crop {options.crop}: the recipe's photos have {recipe.input.words()}")
    system = start(options.method, recipe, options.seed)
    task = method.task(system, crop, options)
    share = (accelerator.process_index, accelerator.num_processes)
    short = round(min(size) * 256 / 224)
    sampler = method.sampler(crop, degradations)
    batches = Batches(dataset, sampler, short, crop, options.batch, options.seed, share)
    settings = Settings(options.steps, options.rate, options.seed, options.checkpoint_every, options.readers)
    out: Path = options.out
    if options.start:
        task.load(options.start)
    if options.quantized:
        first = batches[0]
        if first.failure:
            raise InputError(first.failure)
        task.quantize(first.tensors[0])
    checkpoints = Checkpoints(
        out,
        {
            "recipe": recipe.model_dump(mode="json", exclude={"weights"}),
            "module": [options.method, options.loss, options.fit, options.ranking and options.ranking.read_text()],
            "backbone": system.provenance.backbone_sha256,
            "photos": [[name, size] for name, size, _ in dataset.identity()],
            "labels": dataset.labels,
            "start": [options.start and sha256(options.start), options.quantized],
            "degradations": degradations,
            "training": [crop, options.steps, options.batch, options.rate, options.seed, options.mixed_precision],
        },
        lambda line: console.print(line, markup=False, highlight=False),
    )
    log = out.with_suffix(".jsonl")
    if main:
        _prepare(log)
    steps = _watch(train(task, batches, settings, checkpoints, accelerator), settings.steps, log, console)
    if not main:
        return
    state = task.result()
    write_output(out, save(state))
    seconds = sum(step.seconds for step in steps)
    facts = _facts(options, len(dataset), crop, chosen, accelerator, seconds)
    write_output(out.with_suffix(".png"), plot(steps, f"{out.stem}: {recipe.name}, {len(steps)} steps"))
    write_output(out.with_suffix(".md"), card(out, system, facts, [step.loss for step in steps], words, options.start))
    checkpoints.remove()
    Console().print(f"{out}: {len(state)} tensors after {len(steps)} steps in {seconds:.0f} s", highlight=False)


def _prepare(log: Path) -> None:
    """A folder that cannot be written shows before the work, not after."""
    try:
        log.touch()
    except OSError as error:
        raise InputError(f"{log}: cannot be written: {error.strerror or error}") from None


def _watch(steps: Iterable[Step], count: int, log: Path, console: Console) -> list[Step]:
    """Runs a training to its end with a progress bar and a log of one JSON line a step; all steps, those before a stop
    included.

    Raises:
        InputError: The log cannot be written.
    """
    done: list[Step] = []
    broken: dict[Path, str] = {}
    text = "[progress.description]{task.description}  loss {task.fields[loss]:.4f}  rate {task.fields[rate]:.1e}"
    columns = (TextColumn(text), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("training", total=count, loss=np.nan, rate=np.nan)
        for step in steps:
            if not console.quiet:
                if not done:
                    done = _earlier(log, step.step)
                    write_output(log, "".join(_line(old) for old in done))
                _append(log, _line(step))
            done.append(step)
            broken |= dict(step.broken)
            loss = float(np.mean([s.loss for s in done[-WINDOW:]]))
            progress.update(bar, completed=step.step, loss=loss, rate=step.rate)
    if broken:
        named = "; ".join(f"{path}: {reason}" for path, reason in list(broken.items())[:3])
        said = f"left out {len(broken)} broken images: {named}"
        console.print(said, style="yellow", markup=False, highlight=False, soft_wrap=True)
    return done


def _line(step: Step) -> str:
    return json.dumps({"step": step.step, "rate": step.rate, "seconds": round(step.seconds, 3), **step.losses}) + "\n"


def _earlier(log: Path, step: int) -> list[Step]:
    """The steps of a log before ``step``: those that a stopped run took."""
    found = []
    for line in log.read_text(encoding="utf-8").splitlines()[: step - 1]:
        entry: dict[str, Any] = json.loads(line)
        number, rate, seconds = (entry.pop(name) for name in ("step", "rate", "seconds"))
        found.append(Step(int(number), rate, seconds, entry))
    return found


def _facts(
    options: argparse.Namespace,
    photos: int,
    crop: tuple[int, int],
    chosen: dict[Corruption, tuple[float, ...]],
    accelerator: Accelerator,
    seconds: float,
) -> dict[str, str]:
    """Rows of the card."""
    split = f"all but those of `evaluate {split_of(options)}`" if split_of(options) else "all"
    labels = "with labels" if options.labels else "no labels"
    names: dict[str, list[str]] = {}  # of one set of levels
    for entry, found in chosen.items():
        names.setdefault(", ".join(f"{level:g}" for level in found), []).append(entry.name)
    device = f"{options.threads} CPU threads, {platform.machine()} {platform.system()}"
    if accelerator.device.type == "cuda":
        device = f"{accelerator.num_processes} x {torch.cuda.get_device_name()}"
    start = f"{options.start.name}, SHA-256 {sha256(options.start)}" if options.start else "changing nothing"
    return {
        "start": start,
        "photos": f"{photos}, {split}; {labels}",
        "corruptions": "; ".join(f"{', '.join(every)} {levels}" for levels, every in names.items()),
        "training": f"{options.steps} steps of {options.batch} crops of {crop[0]} x {crop[1]}, Adam with a rate of "
        f"{options.rate:g}, seed {options.seed}"
        + (f", loss {options.loss}" if options.loss else "")
        + (f", the first {options.fit} of the steps in closed form" if options.fit and not options.start else "")
        + (", with an int8 file's rounding" if options.quantized else ""),
        "time": f"{seconds:.0f} s on {device}",
    }


def _append(path: Path, text: str) -> None:
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from None
