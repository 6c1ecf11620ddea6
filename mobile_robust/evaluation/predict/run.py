"""The first five classes of single photos, as they are and degraded, without a module and with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mobile_robust.contracts.manifest import MANIFEST_NAME, read_manifest
from mobile_robust.contracts.recipe import Recipe
from mobile_robust.data.class_names import class_names
from mobile_robust.data.images import Photo, centre_crop, read_image
from mobile_robust.errors import InputError
from mobile_robust.evaluation.models import BASELINE, Model, resolve
from mobile_robust.evaluation.settings import select_settings
from mobile_robust.recipes import load_recipe

#: Classes that are shown.
TOP = 5
#: Photos times degradations: a picture of more is none that anybody looks at.
MOST_SHOWN = 40


@dataclass(frozen=True)
class Shown:
    """A photo as the network sees it, and what it makes of it."""

    title: str  # the file's name
    degradation: str  # "clean", "jpeg:10"
    crop: Photo
    #: "without", "with" -> the probability of every class, (classes,).
    probabilities: dict[str, NDArray[np.float64]]

    def first(self, which: str) -> list[tuple[int, float]]:
        """Class and probability of the first :data:`TOP`, the surest first."""
        values = self.probabilities[which]
        return [(int(index), float(values[index])) for index in np.argsort(-values, kind="stable")[:TOP]]


@dataclass(frozen=True)
class Predictions:
    """For every photo its degradations, in order."""

    shown: tuple[Shown, ...]
    names: tuple[str, ...]  # of the classes, short; (): not known
    executed: dict[str, str]  # "without", "with" -> which model on which runtime
    notes: tuple[str, ...]  # what must be known about the weights

    def name(self, index: int) -> str:
        """Of a class."""
        return self.names[index] if self.names else f"class {index}"


def predict(
    photos: Sequence[Path],
    build: str,
    corruptions: Sequence[str],
    *,
    seed: int = 0,
    backbone_weights: str | None = None,
    runtimes: Sequence[str] = (),
    on_step: Callable[[str], None] = lambda what: None,
) -> Predictions:
    """Classifies photos, each as it is and under every corruption setting.

    Args:
        photos: Image files.
        build: Folder of a finished build (its PyTorch reference), one artifact in such a folder, or a recipe.
        corruptions: Names with or without ":LEVEL".
        seed: Of the corruptions.
        backbone_weights: Of a recipe.
        runtimes: What executes an artifact; none: the first that can run here.
        on_step: Called with the name of each photo as it begins.

    Raises:
        InputError: A photo that cannot be read, a model that gives no classes, or more than :data:`MOST_SHOWN` photos
            times degradations.
    """
    models = _pair(resolve([build], backbone_weights, runtimes))
    size = models["without"].size
    settings = select_settings(corruptions, [size])
    if (count := len(photos) * len(settings)) > MOST_SHOWN:
        asked = f"{len(photos)} photos at {len(settings)} settings are {count}"
        raise InputError(f"PHOTO and --corruption: {asked}; at most {MOST_SHOWN}")
    crops = [centre_crop(read_image(path), size) for path in photos]
    opened = {which: model.open() for which, model in models.items()}
    shown = []
    for index, (path, crop) in enumerate(zip(photos, crops, strict=True)):
        on_step(path.name)
        for setting in settings:
            seen = setting.apply(crop, seed, index)
            scores = {which: _softmax(run([seen])[0]) for which, run in opened.items()}
            shown.append(Shown(path.name, setting.name, seen, scores))
    classes = next(iter(models.values())).classes
    notes = [note for model in models.values() for note in (model.label, *model.warnings) if note]
    executed = {which: f"{model.name} on {model.runtime}" for which, model in models.items()}
    return Predictions(tuple(shown), _names(build, classes), executed, tuple(dict.fromkeys(notes)))


def _pair(models: Sequence[Model]) -> dict[str, Model]:
    """The baseline and, where there is a module, the first model with it: the reference of a build."""
    without = next(model for model in models if model.name == BASELINE)
    others = [model for model in models if model.name != BASELINE]
    return {"without": without, **({"with": others[0]} if others else {})}


def _names(build: str, classes: int) -> tuple[str, ...]:
    """Of a model's classes, where its recipe says them and they can be read here."""
    recipe = _recipe(build)
    source = recipe.backbone.classes if recipe and recipe.backbone else None
    if source is None:
        return ()
    try:
        names = class_names(source)
    except InputError:  # a file that lies where the build was made
        return ()
    return _short(names) if len(names) == classes else ()


def _short(names: Sequence[str]) -> tuple[str, ...]:
    """The first synonym of every name, and all of them where two classes share the first."""
    first = [name.partition(",")[0] for name in names]
    shared = {name for name, count in Counter(first).items() if count > 1}
    return tuple(name if short in shared else short for name, short in zip(names, first, strict=True))


def _recipe(build: str) -> Recipe | None:
    path = Path(build)
    folder = path.parent if path.suffix in (".tflite", ".mlpackage") else path
    if build.startswith("timm:"):
        return None
    return read_manifest(folder).recipe if (folder / MANIFEST_NAME).is_file() else load_recipe(build)


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    powers = np.exp(logits.astype(np.float64) - logits.max())
    return powers / powers.sum()
