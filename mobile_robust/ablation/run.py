"""Trains a method with and without each of its ideas, with the same seed, photos and steps, and scores all of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import tomli_w
import torch

from mobile_robust.contracts.recipe import Recipe
from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.errors import InputError, unknown
from mobile_robust.files import output_lock, write_output
from mobile_robust.methods.method import Ablation
from mobile_robust.methods.registry import method_of
from mobile_robust.options import make_folder
from mobile_robust.training.run import initial_model, train
from mobile_robust.training.settings import TrainSettings, training_of


def train_ablations(
    recipe: Recipe,
    photos: PhotoDataset,
    scored: PhotoDataset,
    out: Path,
    settings: TrainSettings,
    on_row: Callable[[int, int, str], None],
    only: Sequence[str] = (),
) -> list[Path]:
    """Trains every row that is not there yet, or those of ``only``; the recipes of these rows, with their weights,
    both in ``out``. What cannot be trained, or scored on the photos ``scored``, is refused before the first training.

    ``settings`` are the same for all rows, but for what a row changes. ``on_row`` is called before a row is trained,
    with its number from 1, how many there are, and its name. After an InputError what was trained so far stays, and the
    same call resumes."""
    method = method_of(recipe)
    if method.ablations is None:
        raise InputError(f"method {method.name} has no ablations")
    make_folder(out)
    with output_lock(out):
        rows = method.ablations(recipe, out, settings.seed)
        names = [row.name for row in rows]
        if wrong := [name for name in only if name not in names]:
            raise unknown(f"row of the ablation of {method.name}", wrong[0], names)
        rows = [row for row in rows if not only or row.name in only]
        used = {name: str(value) for name, value in settings.model_dump().items()}
        _claim(out, [recipe.model_dump(mode="json"), used, photos.describe(), photos.labels_from])
        for row in rows:
            _check(row, scored, settings.seed)
        for number, row in enumerate(rows, start=1):
            weights = out / f"{row.name}.safetensors"
            if not weights.exists():
                on_row(number, len(rows), row.name)
                _write_recipe(out, row, None)
                _train_row(row, photos, weights, settings)
        return [_write_recipe(out, row, out / f"{row.name}.safetensors") for row in rows]


def _check(row: Ablation, scored: PhotoDataset, seed: int) -> None:
    """Raises InputError where a row has no network, or one of other classes."""
    model = initial_model(row.recipe, seed)
    assert model.pipeline is not None
    with torch.no_grad():
        logits = model.pipeline.baseline(torch.zeros(1, 3, *model.recipe.input.height_width))
    scored.check_classes(logits.shape[-1], f"the network of {row.name}")


def _train_row(row: Ablation, photos: PhotoDataset, weights: Path, settings: TrainSettings) -> None:
    common = TrainSettings.model_fields
    own = {name: value for name, value in row.train.items() if name not in common}
    options = training_of(method_of(row.recipe)).options(**own)
    changed = settings.model_copy(update={name: value for name, value in row.train.items() if name in common})
    train(row.recipe, photos, weights, changed, options, _words(row, photos, weights, settings))


def _words(row: Ablation, photos: PhotoDataset, weights: Path, settings: TrainSettings) -> list[str]:
    """The row's training as a command line, for its card."""
    words = [row.recipe.method, f"{row.name}.toml", "--images", str(photos.folder), "--out", str(weights)]
    words += ["--steps", str(settings.steps), "--batch", str(settings.batch), "--seed", str(settings.seed)]
    words += ["--corruption", *settings.corruptions]
    if photos.split is not None:
        words += str(photos.split).split()
    for name, value in row.train.items():
        words += [f"--{name}", f"{value}"]
    return words


def _claim(out: Path, settings: object) -> None:
    """Says in the folder what it is for; raises InputError where it is for something else."""
    path, text = out / "settings.json", json.dumps(settings, indent=2) + "\n"
    if path.exists() and path.read_bytes() != text.encode():
        raise InputError(f"--out {out}: holds an ablation of another recipe or with other options; choose another")
    write_output(path, text)


def _write_recipe(out: Path, row: Ablation, weights: Path | None) -> Path:
    """``out/ROW.toml``, with its weights where there are any."""
    content = row.recipe.model_dump(mode="json", exclude={"name"}, exclude_none=True, exclude_defaults=True)
    if weights:
        content.setdefault("weights", {})["file"] = str(weights.resolve())
    path = out / f"{row.name}.toml"
    write_output(path, tomli_w.dumps(content))
    return path
