"""What can be scored in a built folder: the PyTorch reference, its backbone alone, and every artifact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mobile_robust.contracts.manifest import Artifact, Manifest, read_manifest, verify_hashes
from mobile_robust.data import Photo, Size
from mobile_robust.errors import InputError
from mobile_robust.parity.runtimes.base import Runtime
from mobile_robust.parity.runtimes.coreml_device import CoremlDevice
from mobile_robust.parity.runtimes.coreml_mil import CoremlMil
from mobile_robust.parity.runtimes.litert_cpu import LitertCpu
from mobile_robust.systems import load_built

#: In order of preference: an artifact is scored on the first runtime of its target that this machine has.
RUNTIMES: tuple[Callable[[], Runtime], ...] = (LitertCpu, CoremlDevice, CoremlMil)


@dataclass(frozen=True)
class Classifier:
    """Something that turns a photo into logits.

    Attributes:
        build: The folder it is in, as the user gave it.
        name: "reference", "backbone alone", or the end of the artifact's file name, such as int8.tflite.
        runtime: What executes it.
        size: Height and width of the photo in pixels.
        predict: uint8 height x width x 3 RGB -> float32 (classes,).
    """

    build: str
    name: str
    runtime: str
    size: Size
    predict: Callable[[Photo], NDArray[np.float32]]


def open_build(folder: Path) -> list[Classifier]:
    """Opens everything in a built pipeline folder.

    Raises:
        InputError: Not a finished build, changed since, of scope "module", or an artifact that cannot be opened.
    """
    manifest = read_manifest(folder)
    recipe = manifest.recipe
    if recipe.scope != "pipeline":
        raise InputError(
            f"{folder}: recipe {recipe.name} has scope {recipe.scope!r}, which gives no classes; "
            'evaluate takes builds of scope "pipeline"'
        )
    verify_hashes(manifest, folder)
    model = load_built(folder, manifest)
    build, size = str(folder), recipe.input.height_width
    found = [
        Classifier(build, "backbone alone", "pytorch", size, _pytorch(model.alone, manifest)),
        Classifier(build, "reference", "pytorch", size, _pytorch(model, manifest)),
    ]
    for artifact in manifest.artifacts:
        runtime = _runtime_for(artifact)
        predict = _session(runtime, folder / artifact.file, artifact)
        name = artifact.file.removeprefix(f"{recipe.name}_")
        found.append(Classifier(build, name, runtime.name, size, predict))
    return found


def _pytorch(model: Callable[[Tensor], Tensor], manifest: Manifest) -> Callable[[Photo], NDArray[np.float32]]:
    top = manifest.recipe.input.range

    def predict(photo: Photo) -> NDArray[np.float32]:
        image = torch.from_numpy(photo).permute(2, 0, 1)[None].float() * (top / 255)  # (1, 3, H, W)
        with torch.inference_mode():
            return model(image)[0].numpy()

    return predict


def _runtime_for(artifact: Artifact) -> Runtime:
    reasons = []
    for make in RUNTIMES:
        runtime = make()
        if runtime.target != artifact.target:
            continue
        if (reason := runtime.unavailable()) is None:
            return runtime
        reasons.append(f"{runtime.name}: {reason}")
    raise InputError(f"{artifact.file}: no runtime for it on this machine: {'; '.join(reasons)}")


def _session(runtime: Runtime, path: Path, artifact: Artifact) -> Callable[[Photo], NDArray[np.float32]]:
    session = runtime.open(path)
    tensor, output = artifact.inputs[0], artifact.outputs[0].name
    low, high = tensor.value_range or (0.0, 255.0)

    def predict(photo: Photo) -> NDArray[np.float32]:
        image = photo.astype(np.float32) * np.float32((high - low) / 255) + np.float32(low)
        if tensor.layout == "NCHW":
            image = image.transpose(2, 0, 1)
        return session.run({tensor.name: np.ascontiguousarray(image[None])})[output][0]

    return predict
