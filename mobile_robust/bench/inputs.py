"""The test set: photos, and the input tensors of every artifact for them in a file that is read while measuring."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mobile_robust.bench.models import Model
from mobile_robust.contracts.result import Inputs
from mobile_robust.contracts.tensors import Role
from mobile_robust.data.dataset import BuiltInPhotos, PhotoDataset
from mobile_robust.data.image_spec import ImageSpec
from mobile_robust.errors import InputError

#: Photos where the user gives none.
BUILT_IN = 20

Photos = PhotoDataset | BuiltInPhotos


def open_photos(folder: Path | None, on_warning: Callable[[str], None] = lambda sentence: None) -> Photos:
    """All photos of a folder that can be read; None: those that ship with the dependencies.

    Args:
        folder: Of the photos.
        on_warning: Called with a sentence that names what is left out.

    Raises:
        InputError: The folder is missing or holds no image that can be read.
    """
    if folder is None:
        return BuiltInPhotos(BUILT_IN)
    found = PhotoDataset.from_folder(folder)
    photos = found.readable()
    if skipped := found.skipped_message():
        on_warning(skipped)
    return photos


def describe(photos: Photos) -> Inputs:
    """How many, which, and their hash."""
    return Inputs(count=len(photos), description=photos.describe(), sha256=photos.digest)


@dataclass(frozen=True)
class TestSet:
    """The inputs of a model in a file: float32, little-endian; for every photo the tensors of ``shapes`` (by name) one
    after the other. ``sha256`` is that of the file."""

    __test__ = False  # not for pytest

    path: Path
    shapes: dict[str, tuple[int, ...]]
    sha256: str


class TestSets:
    """Writes test sets into a folder; models of one build share theirs where they take the same inputs."""

    __test__ = False  # not for pytest

    def __init__(self, photos: Photos, folder: Path) -> None:
        self._photos, self._folder = photos, folder
        self._written: dict[tuple[str, str], TestSet] = {}

    def of(self, model: Model) -> TestSet:
        """The test set of a model.

        Raises:
            InputError: A build whose stored weights do not fit its recipe, or no space for the file.
        """
        inputs = str([(t.name, t.shape, t.layout, t.value_range) for t in model.artifact.inputs])
        key = model.manifest.fingerprint, inputs
        if key not in self._written:
            self._written[key] = self._write(model, self._folder / f"{len(self._written)}.f32")
        return self._written[key]

    def _write(self, model: Model, path: Path) -> TestSet:
        digest = hashlib.sha256()
        try:
            with path.open("wb") as file:
                for arrays in _arrays(model, self._photos):
                    for tensor in model.artifact.inputs:
                        data = np.ascontiguousarray(arrays[tensor.name], "<f4").tobytes()
                        digest.update(data)
                        file.write(data)
        except OSError as error:
            reason = f"cannot be written: {error.strerror or error}; TMPDIR may name a folder with more space"
            raise InputError(f"{path}: {reason}") from None
        return TestSet(path, {t.name: t.shape for t in model.artifact.inputs}, digest.hexdigest())


def _arrays(model: Model, photos: Photos) -> Iterator[dict[str, NDArray[np.float32]]]:
    """The artifact's inputs for every photo, by name, laid out as it takes them."""
    spec, inputs = ImageSpec.of(model.manifest.recipe.input), model.artifact.inputs
    crops = photos.crops(spec.size)
    if [tensor.role for tensor in inputs] == [Role.IMAGE]:
        yield from ({inputs[0].name: spec.array(crop[None], inputs[0].layout)} for crop in crops)
        return
    # PyTorch: only where layers of the backbone must run first
    from mobile_robust.export.targets.tflite import channels_last
    from mobile_robust.pipelines import rebuild

    system, lasts = rebuild(model.folder, model.manifest), {t.name for t in inputs if t.layout == "NHWC"}
    for crop in crops:
        yield {name: (channels_last(x) if name in lasts else x).numpy() for name, x in system.example(crop).items()}
