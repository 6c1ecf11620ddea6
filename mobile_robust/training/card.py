"""The card of trained weights: how they came about, in Markdown, without a path of this machine."""

from __future__ import annotations

import json
import platform
import shlex
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator

from mobile_robust import __version__
from mobile_robust.corruptions import Corruption
from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.data.images import Size
from mobile_robust.files import sha256
from mobile_robust.methods.method import Options
from mobile_robust.pipelines import Model
from mobile_robust.reporting.tables import markdown_text
from mobile_robust.terminal import printable
from mobile_robust.training.loop import Step
from mobile_robust.training.settings import TrainSettings

#: Heading of a card's last section.
LICENCE = "## Licence"
#: Steps over which a loss is averaged before it is shown.
WINDOW = 50


def card(
    out: Path,
    model: Model,
    settings: TrainSettings,
    options: Options,
    photos: PhotoDataset,
    crop: Size,
    corruptions: Mapping[Corruption, tuple[float, ...]],
    steps: Sequence[Step],
    stages: Sequence[float],
    accelerator: Accelerator,
    command: Sequence[str],
    verdict: str,
) -> str:
    """Markdown; the training's ``stages`` begin at these shares of it. The weights file ``out`` is written already;
    where the card of the weights that the training began from lies beside them, it is told here too."""
    bounds = [*(round(share * len(steps)) for share in stages), len(steps)]
    recipe, start, losses = model.recipe, settings.start, [step.losses["loss"] for step in steps]
    ranking = f"; ranking {Path(recipe.weights.ranking).name}" if recipe.weights.ranking else ""
    words = f"{recipe.method}, {json.dumps(recipe.options)}, input {recipe.input.size_text()}"
    split = f"all but those of evaluate {photos.split}" if photos.split else "all"
    names: dict[str, list[str]] = {}  # of one set of levels
    for entry, levels in corruptions.items():
        names.setdefault(", ".join(f"{level:g}" for level in levels), []).append(entry.name)
    training = [
        f"{settings.steps} steps of {settings.batch} crops of {crop[0]} x {crop[1]}",
        f"{100 * settings.clean_share:.2g} % of them clean",
        f"Adam with a rate of {settings.rate:g}",
        f"seed {settings.seed}",
        *(f"{name} {value}" for name, value in options.model_dump().items() if value is not None),
        *(["quantization-aware"] if settings.quantized else []),
    ]
    device = f"{settings.threads} CPU threads, {platform.machine()} {platform.system()}"
    if accelerator.device.type == "cuda":
        device = f"{accelerator.num_processes} x {torch.cuda.get_device_name()}"
    elif accelerator.num_processes > 1:
        device = f"{accelerator.num_processes} processes of {device}"
    rows = {
        "recipe": f"{recipe.name}: {words}{ranking}",
        "backbone": f"{model.provenance.backbone}, SHA-256 {model.provenance.backbone_sha256}, of its tensors in half "
        f"precision {model.provenance.backbone_tensors_sha256}, {model.where}",
        "start": f"{start.name}, SHA-256 {sha256(start)}" if start else "changing nothing",
        "photos": f"{len(photos)}, {split}; {'with labels' if photos.labels else 'no labels'}; SHA-256 {photos.digest}",
        "corruptions": "; ".join(f"{', '.join(every)} {levels}" for levels, every in names.items()),
        "training": ", ".join(training),
        "time": f"{sum(step.seconds for step in steps):.0f} s on {device}",
        "loss": "; then ".join(_course(losses[first:end]) for first, end in pairwise(bounds)),
        "validation": verdict,
        "date": date.today().isoformat(),
        "versions": f"mobile-robust {__version__}, PyTorch {torch.__version__}, Python {platform.python_version()}",
        "SHA-256": sha256(out),
    }
    table = "\n".join(f"| {name} | {markdown_text(value)} |" for name, value in rows.items())
    lines = printable(" \\\n    ".join(_lines(command)))
    return (
        f"# {markdown_text(out.name)}\n\n| | |\n|---|---|\n{table}\n\nTrained with\n\n```\n{lines}\n```\n\n"
        f"{_before(start)}"
        f"{LICENCE}\n\nThe weights were computed from the photos and the backbone named above; "
        "what their licences ask for holds here too.\n"
    )


def _course(losses: Sequence[float]) -> str:
    """A stage's loss at first and at last; another stage's is another loss."""
    first, last = (f"{np.mean(some):.4f}" for some in (losses[:WINDOW], losses[-WINDOW:]))
    return f"{first} over the first {min(WINDOW, len(losses))} steps, {last} over the last"


def _before(start: Path | None) -> str:
    """How the weights came about that a training began from."""
    told = start.with_suffix(".md") if start else None
    if told is None or not told.is_file():
        return ""
    text = told.read_text(encoding="utf-8", errors="replace").partition(LICENCE)[0]
    return text.replace("# ", "## What it began from: ", 1)


def _lines(command: Sequence[str]) -> list[str]:
    """One line an option, with names where the files lie elsewhere on another machine."""
    lines = ["mobile-robust train"]
    for word in command:
        name = word if word.startswith(("timm:", "-")) else Path(word).name
        if word.startswith("--"):
            lines.append(name)
        else:
            lines[-1] += f" {shlex.quote(name)}"
    return lines
