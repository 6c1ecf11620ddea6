"""A saved ``.mlpackage``: its manifest, its specification and the inputs it declares."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from mobile_robust.coreml_import import import_coremltools
from mobile_robust.documents import read_json
from mobile_robust.errors import InputError
from mobile_robust.files import member

#: Of a tensor: as float32 2 GiB, more than any phone's engine takes.
MOST_VALUES = 2**29


@dataclass(frozen=True)
class Package:
    """An ML program on disk."""

    path: Path
    #: ``coremltools.proto.Model_pb2.Model``.
    spec: Any
    #: The folder of its weight files; it need not exist where all weights are in the specification.
    weights: Path
    #: Name -> shape. An image is (1, 3, height, width), grayscale (1, 1, height, width).
    inputs: dict[str, tuple[int, ...]]
    #: The inputs that are images on a device: 8-bit pixels there, so float32 in [0, 255] here.
    images: frozenset[str]
    outputs: tuple[str, ...]

    def check_inputs(self, inputs: Mapping[str, NDArray[Any]]) -> None:
        """Raises InputError where names or shapes are not those of the file."""
        expected = ", ".join(f"{name} {list(shape)}" for name, shape in self.inputs.items())
        if set(inputs) != set(self.inputs):
            raise InputError(f"{self.path}: takes the inputs {expected}; got {', '.join(inputs) or 'none'}")
        for name, shape in self.inputs.items():
            if inputs[name].shape != shape:
                raise InputError(f"{self.path}: takes the inputs {expected}; got {name} {list(inputs[name].shape)}")


def read_package(path: Path) -> Package:
    """Reads everything of an ``.mlpackage`` but its weights.

    Raises:
        InputError: Not an ``.mlpackage``, a file of it is missing or cut short, or it holds no ML program.
    """
    model, weights = _paths(path)
    spec = import_coremltools().proto.Model_pb2.Model()
    try:
        spec.ParseFromString(model.read_bytes())
    except Exception as error:  # protobuf's own error: coremltools' dependency, not ours
        raise InputError(f"{model}: truncated, or not a Core ML model: {error}") from error
    kind = spec.WhichOneof("Type")
    if kind != "mlProgram":
        raise InputError(f"{model}: holds {f'a model of type {kind}' if kind else 'no model'}; an mlProgram is needed")
    description = spec.description
    return Package(
        path=path,
        spec=spec,
        weights=weights,
        inputs={feature.name: _bounded(path, feature.name, _shape(path, feature)) for feature in description.input},
        images=frozenset(f.name for f in description.input if f.type.WhichOneof("Type") == "imageType"),
        outputs=tuple(feature.name for feature in description.output),
    )


def _paths(path: Path) -> tuple[Path, Path]:
    """The model file and the weights folder that the package's manifest names."""
    manifest = path / "Manifest.json"
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if not path.is_dir():
        raise InputError(f"{path}: not an .mlpackage: that is a folder with a Manifest.json, this is a file")
    if not manifest.is_file():
        raise InputError(f"{path}: not an .mlpackage: no Manifest.json in it")
    try:
        table = read_json(manifest, "the manifest of an .mlpackage")
        items = table["itemInfoEntries"]
        model = items[table["rootModelIdentifier"]]["path"]
        folders = [item["path"] for item in items.values() if item["name"] == "weights"]
        names = [str(name) for name in (model, *folders)]
    except (KeyError, TypeError, AttributeError) as error:
        reason = f"no entry {error}" if isinstance(error, KeyError) else str(error)
        raise InputError(f"{manifest}: not the manifest of an .mlpackage: {reason}") from None
    for name in names:
        if not os.path.exists(path / "Data" / name):  # unlike Path.exists, it raises nothing, whatever the name
            raise InputError(f"{path}: incomplete: Data/{name} is missing")
    found, *weights = [member(path / "Data", name) for name in names]
    return found, weights[0] if weights else found.parent / "weights"


def _bounded(path: Path, name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    if min(shape, default=1) < 1 or math.prod(shape) > MOST_VALUES:
        raise InputError(f"{path}: {name} has the shape {list(shape)}; at most {MOST_VALUES} values")
    return shape


def _shape(path: Path, feature: Any) -> tuple[int, ...]:
    """The shape of a declared input."""
    kind = feature.type.WhichOneof("Type")
    if kind == "multiArrayType":
        return tuple(feature.type.multiArrayType.shape)
    if kind == "imageType":
        image = feature.type.imageType
        grayscale = image.colorSpace in (image.GRAYSCALE, image.GRAYSCALE_FLOAT16)
        return (1, 1 if grayscale else 3, image.height, image.width)
    raise InputError(f"{path}: input {feature.name} is a {kind}; only multiArrayType and imageType are supported")
