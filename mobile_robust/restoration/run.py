"""PSNR, SSIM and feature distance of degraded and of repaired photos to the clean ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.data.images import Photo, centre_crop
from mobile_robust.errors import InputError
from mobile_robust.evaluation.facts import facts_of
from mobile_robust.evaluation.settings import CorruptionSetting, by_corruption, select_settings
from mobile_robust.files import write_output
from mobile_robust.reporting.intervals import Floats
from mobile_robust.reporting.tables import csv_text
from mobile_robust.restoration.features import FeatureDistance
from mobile_robust.restoration.measures import psnr, ssim
from mobile_robust.restoration.modules import RepairModule, resolve
from mobile_robust.restoration.picture import picture
from mobile_robust.restoration.scores import MEASURES, Restoration, score_all
from mobile_robust.restoration.table import as_markdown

#: The recipe whose backbone's features are compared: its weights ship.
FEATURES = "mobilenetv2"


def measure_restoration(
    models: Sequence[str],
    photos: PhotoDataset,
    corruptions: Sequence[str],
    *,
    weights: str | None = None,
    features: str = FEATURES,
    runtimes: Sequence[str] = (),
    seed: int = 0,
    out: Path | None = None,
    on_progress: Callable[[str, int, int | None], None] = lambda what, done, total: None,
    on_warning: Callable[[str], None] = lambda sentence: None,
) -> Restoration:
    """Measures modules that repair the photo, on clean and on corrupted photos. Repaired photos are rounded to 8 bits.

    Args:
        models: Folders of finished builds, artifacts in such folders, or recipes (by name or .toml).
        photos: Of any size; labels are not looked at.
        corruptions: Names, families or "imagenet_c", with or without ":LEVEL".
        weights: Of recipes: the module's.
        features: Recipe whose frozen backbone gives the features, or timm:NAME.
        runtimes: What executes artifacts; none: the first of a build's that can run here.
        seed: Of the corruptions.
        out: An existing folder that gets restoration.json, .csv, .md and .png; None: nothing is written.
        on_progress: Called with what is done now, how many photos are done and how many there are.
        on_warning: Called with sentences on untrained weights and unreadable photos.

    Raises:
        InputError: What a model cannot be, modules that take photos of different sizes, photos that a module was
            trained on or that cannot be read, or an unknown corruption.
    """
    on_progress("opening models", 0, None)
    modules = resolve(models, weights, runtimes)
    size, *others = dict.fromkeys(module.size for module in modules)
    if others:
        sizes = ", ".join(f"{module.name}: {module.size[0]} x {module.size[1]}" for module in modules)
        raise InputError(f"MODEL: they take photos of different sizes ({sizes}); measure them apart")
    for module in modules:
        if module.trained:
            module.trained.check_unseen(photos, module.name)
        if module.label:
            on_warning(f"{module.name}: {module.label}")
    settings = select_settings(corruptions, [size])
    distance = FeatureDistance(features, size)
    if distance.label:
        on_warning(f"--features {features}: {distance.label}")

    opened = [(module, module.open()) for module in modules]
    measured: list[Floats] = []  # (measures, 1 + modules, settings) of every photo
    shown = _shown(settings)
    rows: dict[CorruptionSetting, list[Photo]] = {}
    for done, (index, photo) in enumerate(photos):
        on_progress("measuring", done, len(photos))
        clean = centre_crop(photo, size)
        aim, values = distance.directions(clean), np.empty((len(MEASURES), 1 + len(modules), len(settings)))
        for s, setting in enumerate(settings):
            degraded = setting.apply(clean, seed, index)
            seen = [degraded, *(repair(degraded) for _, repair in opened)]
            for source, each in enumerate(seen):
                apart = distance.between(distance.directions(each), aim)
                values[:, source, s] = psnr(each, clean), ssim(each, clean), apart
            if setting in shown and (setting not in rows or done == shown.index(setting)):
                rows[setting] = [*seen, clean]
        measured.append(values)
    if message := photos.skipped_message():
        on_warning(message)
    facts = {**facts_of(photos, photos.broken, seed), "features": distance.name}
    scores = score_all(modules, settings, np.stack(measured, axis=-1))
    found = Restoration(tuple(modules), tuple(settings), tuple(scores), facts)
    return replace(found, files=_write(found, rows, out)) if out else found


def _shown(settings: Sequence[CorruptionSetting]) -> list[CorruptionSetting]:
    """The middle level of every corruption: each is shown on a photo of its own, as long as there are enough."""
    return [members[len(members) // 2] for members in by_corruption(settings).values()]


def _write(found: Restoration, rows: dict[CorruptionSetting, list[Photo]], folder: Path) -> tuple[Path, ...]:
    records = [score.record() for score in found.scores]
    modules = [_described(module) for module in found.modules]
    document = {**found.facts, "modules": modules, "scores": records}
    contents: dict[str, bytes | str] = {
        "restoration.json": json.dumps(document, indent=2) + "\n",
        "restoration.csv": csv_text(records),
        "restoration.md": as_markdown(found),
    }
    if rows:
        columns = ["degraded", *(module.name for module in found.modules), "clean"]
        contents["restoration.png"] = picture(columns, [(setting.name, seen) for setting, seen in rows.items()])
    for name, content in contents.items():
        write_output(folder / name, content)
    return tuple(folder / name for name in contents)


def _described(module: RepairModule) -> dict[str, Any]:
    names = ("name", "runtime", "method", "size", "label", "sha256")
    return {name: getattr(module, name) for name in names}
