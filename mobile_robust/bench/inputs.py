"""The test set: photos, and what every artifact takes for them, written once to a file that its process reads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mobile_robust.bench.models import Model
from mobile_robust.contracts.result import Inputs
from mobile_robust.data.images import BUILT_IN_DESCRIPTION, Photo, Size, built_in_photos, load_crops

#: Photos where the user gives none.
BUILT_IN = 20


@dataclass(frozen=True)
class Photos:
    """The photos, cropped anew for every size. ``folder`` None: those that ship with the dependencies."""

    folder: Path | None

    def described(self) -> Inputs:
        """How many, which, and their hash.

        Raises:
            InputError: The folder is missing or holds no image that can be read.
        """
        if self.folder is None:
            digest = hashlib.sha256()
            for photo in built_in_photos((224, 224), BUILT_IN):
                digest.update(photo.tobytes())
            return Inputs(count=BUILT_IN, description=BUILT_IN_DESCRIPTION, sha256=digest.hexdigest())
        crops = load_crops(self.folder, (224, 224))
        digest_of_files = crops.digest
        return Inputs(count=len(crops.used), description=f"photos of {self.folder.name}", sha256=digest_of_files)

    def crops(self, size: Size) -> Iterator[Photo]:
        """uint8, height x width x 3, always in the same order."""
        if self.folder is None:
            yield from built_in_photos(size, BUILT_IN)
        else:
            for _, photo in load_crops(self.folder, size):
                yield photo


@dataclass(frozen=True)
class TestSet:
    """The inputs of a model in a file.

    Attributes:
        path: float32, little-endian; for every photo the tensors of ``shapes`` one after the other.
        shapes: Input name -> shape.
        sha256: Of the file.
    """

    __test__ = False  # not for pytest

    path: Path
    shapes: dict[str, tuple[int, ...]]
    sha256: str


class TestSets:
    """Writes test sets; models of one build share theirs where they take the same.

    Args:
        photos: The photos.
        folder: Where the files go.
    """

    __test__ = False  # not for pytest

    def __init__(self, photos: Photos, folder: Path) -> None:
        self._photos, self._folder = photos, folder
        self._written: dict[tuple[str, str], TestSet] = {}

    def of(self, model: Model) -> TestSet:
        """The test set of a model.

        Raises:
            InputError: A build whose stored weights do not fit its recipe.
        """
        borders = str([(t.name, t.shape, t.layout, t.value_range) for t in model.artifact.inputs])
        key = model.manifest.fingerprint, borders
        if key not in self._written:
            self._written[key] = self._write(model, self._folder / f"{len(self._written)}.f32")
        return self._written[key]

    def _write(self, model: Model, path: Path) -> TestSet:
        digest = hashlib.sha256()
        with path.open("wb") as file:
            for arrays in _arrays(model, self._photos):
                for tensor in model.artifact.inputs:
                    data = np.ascontiguousarray(arrays[tensor.name], "<f4").tobytes()
                    digest.update(data)
                    file.write(data)
        return TestSet(path, {t.name: t.shape for t in model.artifact.inputs}, digest.hexdigest())


def _arrays(model: Model, photos: Photos) -> Iterator[dict[str, NDArray[np.float32]]]:
    """What the artifact takes for every photo, by name, channels last."""
    recipe = model.manifest.recipe
    crops = photos.crops(recipe.input.height_width)
    if [tensor.name for tensor in model.artifact.inputs] == ["image"]:
        scale = np.float32(recipe.input.range / 255)
        yield from ({"image": crop[None].astype(np.float32) * scale} for crop in crops)
        return
    from mobile_robust.convert.targets.tflite import (
        channels_last,  # PyTorch: only where a part of the backbone must run first
    )
    from mobile_robust.pipelines import rebuild

    system = rebuild(model.folder, model.manifest)
    for crop in crops:
        yield {name: channels_last(x).numpy() for name, x in system.example(crop).items()}
