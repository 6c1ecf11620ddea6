"""The card of trained weights: how they came about, in Markdown, without a path of this machine."""

from __future__ import annotations

import json
import platform
import shlex
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import numpy as np
import torch

from mobile_robust import __version__
from mobile_robust.files import sha256
from mobile_robust.pipelines import Model

#: Heading of a card's last part.
LICENCE = "## Licence"
#: Steps over which a loss is averaged before it is shown.
WINDOW = 50


def card(
    out: Path,
    model: Model,
    facts: Mapping[str, str],
    losses: Sequence[float],
    command: Sequence[str],
    start: Path | None = None,
) -> str:
    """Markdown.

    Args:
        out: The weights file, written already.
        model: What was trained.
        facts: What else belongs in the table, in order.
        losses: One a step.
        command: The words of the command line.
        start: Weights it began from; where their card lies beside them, it is told here too.
    """
    recipe = model.recipe
    first, last = (f"{np.mean(part):.4f}" for part in (losses[:WINDOW], losses[-WINDOW:]))
    ranking = f"; ranking {Path(recipe.weights.ranking).name}" if recipe.weights.ranking else ""
    words = f"{recipe.method}, {json.dumps(recipe.options)}, input {recipe.input.size_text()}"
    rows = {
        "recipe": f"{recipe.name}: {words}{ranking}",
        "backbone": f"{model.provenance.backbone}, SHA-256 {model.provenance.backbone_sha256}, {model.where}",
        **facts,
        "loss": f"{first} over the first {min(WINDOW, len(losses))} steps, {last} over the last",
        "date": date.today().isoformat(),
        "versions": f"mobile-robust {__version__}, PyTorch {torch.__version__}, Python {platform.python_version()}",
        "SHA-256": sha256(out),
    }
    table = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
    lines = " \\\n    ".join(_lines(command))
    return (
        f"# {out.name}\n\n| | |\n|---|---|\n{table}\n\nTrained with\n\n```\n{lines}\n```\n\n{_before(start)}"
        f"{LICENCE}\n\nThe weights were computed from the photos and the backbone named above; "
        "what their licences ask for holds here too.\n"
    )


def _before(start: Path | None) -> str:
    """How the weights came about that a training began from."""
    told = start.with_suffix(".md") if start else None
    if told is None or not told.is_file():
        return ""
    text = told.read_text(encoding="utf-8").partition(LICENCE)[0]
    return text.replace("# ", "## What it began from: ", 1)


def _lines(command: Sequence[str]) -> list[str]:
    """One line an option, with names where the files lie elsewhere on another machine."""
    lines = ["python -m mobile_robust.train"]
    for word in command:
        name = word if word.startswith(("timm:", "-")) else Path(word).name
        if word.startswith("--"):
            lines.append(name)
        else:
            lines[-1] += f" {shlex.quote(name)}"
    return lines
