"""Code with which an app uses a build's files: Kotlin for TFLite, Swift for Core ML, with their names and shapes.

The templates beside this file are the code but for ``@NAME@``, which stands for what the manifest says of that name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from mobile_robust.contracts.manifest import Artifact, Manifest, Tensor
from mobile_robust.contracts.targets import TARGETS, Target
from mobile_robust.contracts.tensors import Role
from mobile_robust.data.class_names import class_names
from mobile_robust.data.images import margin
from mobile_robust.files import write_atomically

FOLDER = "app_kit"
LABELS = "labels.txt"
_HERE = Path(__file__).parent
#: Target -> folder of its templates, and the templates.
_TEMPLATES: Mapping[Target, tuple[str, tuple[str, ...]]] = {
    "tflite": ("android", ("Classifier.kt", "PhotoTensor.kt", "Prediction.kt", "TensorValues.kt")),
    "coreml": ("ios", ("Classifier.swift", "PhotoTensor.swift", "Prediction.swift")),
}


def app_code(manifest: Manifest) -> dict[str, str]:
    """Path in the kit -> text, for every target of a build whose files take a photo and give class scores, all of them
    alike; empty for a module by itself, whose output another network takes."""
    found = {}
    for target, (folder, names) in _TEMPLATES.items():
        artifacts = [artifact for artifact in manifest.artifacts if artifact.target == target]
        if artifacts and all(_classifies(each) and _alike(each, artifacts[0]) for each in artifacts):
            values = _values(manifest, artifacts)
            for name in names:
                found[f"{folder}/{name}"] = _filled(_template(folder, name), values)
    return found


def write_app_kit(manifest: Manifest, folder: Path) -> list[Path]:
    """Writes the code, and the names of the classes, into ``folder/app_kit``; the files that were written."""
    code = app_code(manifest)
    if not code:
        return []
    written = []
    for name, text in {**code, LABELS: "".join(f"{label}\n" for label in _labels(manifest))}.items():
        path = folder / FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text)
        written.append(path)
    return written


def resizing(manifest: Manifest) -> str:
    """What an app does with a photo before it calls a file, in a sentence."""
    height, width = manifest.recipe.input.height_width
    more = margin((height, width))
    covers = f"{round(height * more)} x {round(width * more)} pixels" if more > 1 else f"{height} x {width} pixels"
    return (
        f"Turn the photo upright, scale it (bicubic, smoothed where it gets smaller) until it just covers {covers}, "
        f"cut out the middle {height} x {width}, and give RGB values from 0 to {manifest.recipe.input.range}."
    )


def _classifies(artifact: Artifact) -> bool:
    roles = [tensor.role for tensor in (*artifact.inputs, *artifact.outputs)]
    return roles == [Role.IMAGE, Role.LOGITS]


def _alike(one: Artifact, other: Artifact) -> bool:
    """But for the types of their tensors, which the code asks the file for."""
    return [_untyped(t) for t in (*one.inputs, *one.outputs)] == [_untyped(t) for t in (*other.inputs, *other.outputs)]


def _untyped(tensor: Tensor) -> Tensor:
    return tensor.model_copy(update={"dtype": "", "quantization": None})


def _values(manifest: Manifest, artifacts: list[Artifact]) -> dict[str, str]:
    recipe, first = manifest.recipe, artifacts[0]
    (image,), (logits,) = first.inputs, first.outputs
    height, width = recipe.input.height_width
    smallest = min(artifacts, key=lambda artifact: artifact.bytes).file
    kind = "image" if image.dtype.startswith("image") else "array"
    return {
        "NAME": recipe.name,
        "TITLE": " ".join(re.sub(r"\*/|/\*", " ", recipe.title).split()) or recipe.name,  # it goes into a comment
        "FILES": ", ".join(artifact.file for artifact in artifacts),
        "FILE": smallest,
        "STEM": smallest.removesuffix(TARGETS[first.target].suffix),
        "HEIGHT": str(height),
        "WIDTH": str(width),
        "MARGIN": repr(margin((height, width))),
        "RANGE": str(recipe.input.range),
        "SCALE": repr(recipe.input.range / 255),
        "INPUT": image.name,
        "INPUT_TYPE": image.dtype,
        "INPUT_SHAPE": " x ".join(map(str, image.shape)),
        "INPUT_LAYOUT": image.layout,
        "OUTPUT": logits.name,
        "OUTPUT_SHAPE": " x ".join(map(str, logits.shape)),
        "FEATURE": "" if first.target == "tflite" else _template("ios", f"{kind}_feature.swift").rstrip(),
    }


def _template(folder: str, name: str) -> str:
    return (_HERE / folder / name).read_text(encoding="utf-8")


def _filled(template: str, values: Mapping[str, str]) -> str:
    """With every placeholder replaced, also those in what replaces one."""
    while found := set(re.findall(r"@([A-Z_]+)@", template)):
        for name in found:
            template = template.replace(f"@{name}@", values[name])
    return template


def _labels(manifest: Manifest) -> tuple[str, ...]:
    backbone = manifest.recipe.backbone
    if backbone and backbone.classes:
        return class_names(backbone.classes)
    return tuple(f"class {index}" for index in range(manifest.artifacts[0].outputs[0].shape[-1]))
