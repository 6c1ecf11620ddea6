"""Models that need no file, in a module of their own so that other processes can open them."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.data.images import Photo
from mobile_robust.errors import InputError
from mobile_robust.evaluation.models import Model
from mobile_robust.evaluation.predictors import Open, Predict


def bright(off: float = 0) -> Predict:
    """Knows ten classes; class i is a flat photo of brightness 20 i + ``off``."""

    def predict(photos: Sequence[Photo]) -> np.ndarray:
        means = np.array([[photo.mean()] for photo in photos])
        return -np.abs(np.arange(10)[None] * 20 + off - means).astype(np.float32)

    return predict


def refusing() -> Predict:
    raise InputError("x.tflite: truncated")


def dying() -> Predict:
    """Takes its process with it, as a process that is killed for memory goes."""
    os._exit(9)


def dying_once(marks: Path) -> Predict:
    """Takes its process with it, as long as it is alone to do so."""
    try:
        (marks / "died").touch(exist_ok=False)
    except FileExistsError:
        return bright()
    os._exit(9)


def slow(marks: Path) -> Predict:
    """Takes a while, and leaves a file with the name of the node of the cluster where it is opened."""
    import ray

    (marks / ray.get_runtime_context().get_node_id()).touch()

    def predict(photos: Sequence[Photo]) -> np.ndarray:
        time.sleep(0.3)
        return bright()(photos)

    return predict


def model(name: str, opened: Open = bright, method: str | None = None) -> Model:
    return Model("b", name, "r", (32, 32), 10, name, "baseline", opened, method)


BASELINE = model("baseline", partial(bright, 9))


def flat_photos(folder: Path, count: int) -> PhotoDataset:
    """Photo i is flat, of brightness 20 i, and shows class i."""
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{i}.png" for i in range(count)]
    for i, path in enumerate(paths):
        Image.fromarray(np.full((37, 37, 3), 20 * i, np.uint8)).save(path)
    return PhotoDataset(folder, tuple(paths), tuple(range(count)))
