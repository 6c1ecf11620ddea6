"""What MODEL may be on the command line, and everything that is scored for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import numpy as np
from torch import Tensor

from mobile_robust.contracts.manifest import MANIFEST_NAME, Artifact, Manifest, read_manifest, verify_hashes
from mobile_robust.contracts.recipe import BackboneSection, InputSection, Recipe
from mobile_robust.contracts.tensors import Role
from mobile_robust.data.images import Size
from mobile_robust.errors import InputError
from mobile_robust.evaluation.predictors import (
    BuildSource,
    FileSource,
    RecipeSource,
    Source,
    TimmSource,
    built,
    classifier,
    system,
)
from mobile_robust.files import resume_key, state_hash
from mobile_robust.methods.pipeline import Pipeline
from mobile_robust.recipes import built_in_recipes, load_recipe
from mobile_robust.runtimes.registry import require
from mobile_robust.runtimes.registry import runtimes as known_runtimes

#: Name of the models that are only a backbone.
BASELINE = "baseline"


@dataclass(frozen=True)
class Model:
    """Something that is scored.

    Attributes:
        group: The MODEL it belongs to, as the user gave it; of an artifact its folder.
        name: "baseline", "reference", "with module", or the end of an artifact's file name, such as int8.tflite.
        runtime: What executes it.
        size: Height and width of the photo in pixels.
        classes: How many it knows.
        fingerprint: Hex SHA-256 of all that its predictions depend on, the photos aside.
        baseline: The fingerprint of its baseline; its own where it is one.
        method: Of the module; None for a baseline.
        label: What must be known about its weights, such as "untrained: latency only".
        source: Opens it.
        sha256: Of the artifact's file; None for what is no file.
    """

    group: str
    name: str
    runtime: str
    size: Size
    classes: int
    fingerprint: str
    baseline: str
    method: str | None
    label: str | None
    source: Source = field(compare=False)
    sha256: str | None = None


def resolve(arguments: Iterable[str], backbone_weights: str | None, runtimes: Sequence[str]) -> list[Model]:
    """Everything that is scored for the MODELs of a command line, each once, a baseline first.

    Args:
        arguments: Folders of finished builds, artifacts in such folders, recipes, or timm:NAME.
        backbone_weights: For the recipes: a file, or timm:NAME.
        runtimes: Names of runtimes that artifacts are executed with where they can; of several the first.

    Raises:
        InputError: What MODEL cannot be, a build that is unfinished, changed or gives no classes, weights that do not
            fit, or a runtime that cannot run here or runs none of the files.
    """
    found: list[Model] = []
    recipes = 0
    for argument in dict.fromkeys(arguments):
        path = Path(argument)
        if argument.startswith("timm:"):
            found.append(_backbone(argument))
        elif path.suffix in (".tflite", ".mlpackage"):
            found += _build(path.parent, path.name, runtimes)
        elif (path / MANIFEST_NAME).is_file() or (path.is_dir() and argument not in built_in_recipes()):
            found += _build(path, None, runtimes)
        elif path.suffix == ".toml" or argument in built_in_recipes():
            recipe, recipes = load_recipe(argument), recipes + 1
            given = recipe.with_backbone_weights(backbone_weights) if backbone_weights else recipe
            found += _recipe(argument, given)
        else:
            raise InputError(
                f"MODEL {argument}: no such folder of a finished build, artifact in one (.tflite, .mlpackage), recipe "
                f"(a .toml, or one of {', '.join(built_in_recipes())}) or backbone timm:NAME"
            )
    if backbone_weights and not recipes:
        raise InputError(f"--backbone-weights {backbone_weights}: only a recipe takes them, and no MODEL is one")
    for name in runtimes:
        if all(model.runtime != name for model in found):
            raise InputError(f"--runtime {name}: runs none of the files given")
    unique: dict[str, Model] = {}
    for model in found:
        unique.setdefault(model.fingerprint, model)
    return list(unique.values())


def _build(folder: Path, file: str | None, runtimes: Sequence[str]) -> list[Model]:
    """The baseline, then the reference and every artifact, or one ``file``."""
    manifest = read_manifest(folder)
    recipe, group = manifest.recipe, str(folder)
    if file is not None and file not in [artifact.file for artifact in manifest.artifacts]:
        known = ", ".join(artifact.file for artifact in manifest.artifacts)
        raise InputError(f"{folder / file}: not in {MANIFEST_NAME} beside it, which names {known}")
    _needs_classes(recipe, group)
    verify_hashes(manifest, folder)
    pipeline, _ = built(folder.resolve())
    label = manifest.provenance.label
    sources = (BuildSource(folder.resolve(), baseline) for baseline in (True, False))
    pair = _pair(group, "reference", recipe, pipeline, label, *sources)
    artifacts = [a for a in manifest.artifacts if file in (None, a.file)]
    files = [_file(folder, manifest, artifact, pair[0], runtimes) for artifact in artifacts]
    return [*(pair if file is None else pair[:1]), *files]


def _file(folder: Path, manifest: Manifest, artifact: Artifact, baseline: Model, runtimes: Sequence[str]) -> Model:
    (image,) = [tensor for tensor in artifact.inputs if tensor.role is Role.IMAGE]
    (logits,) = [tensor for tensor in artifact.outputs if tensor.role is Role.LOGITS]
    runtime = _runtime_for(artifact, runtimes)
    assert image.value_range is not None  # what a recipe says of an image
    low, high = image.value_range
    return Model(
        group=baseline.group,
        name=artifact.file.removeprefix(f"{manifest.recipe.name}_"),
        runtime=runtime,
        size=baseline.size,
        classes=logits.shape[-1],
        fingerprint=_digest(runtime, [artifact.sha256, low, high, image.layout], {}),
        baseline=baseline.fingerprint,
        method=manifest.recipe.method,
        label=manifest.provenance.label,
        source=FileSource(
            (folder / artifact.file).resolve(), runtime, image.name, image.layout, low, high, logits.name
        ),
        sha256=artifact.sha256,
    )


def _runtime_for(artifact: Artifact, wanted: Sequence[str]) -> str:
    """The first runtime wanted that takes the file; where none of them does, the first one of this machine."""
    fitting = {name: info for name, info in known_runtimes().items() if info.target == artifact.target}
    for name in wanted:
        if name in fitting:
            require([name])
            return name
    reasons = []
    for name, info in fitting.items():
        reason = info.make().unavailable() if info.default else "only on request"
        if reason is None:
            return name
        reasons.append(f"{name}: {reason}")
    raise InputError(f"{artifact.file}: no runtime for it on this machine: {'; '.join(reasons)}")


def _recipe(group: str, recipe: Recipe) -> list[Model]:
    """The baseline and the network with its module, in PyTorch."""
    _needs_classes(recipe, f"recipe {recipe.name}")
    text = recipe.model_dump_json()
    pipeline, _ = system(text)
    label = None if recipe.backbone and recipe.backbone.weights else "untrained: latency only"
    if label is None and recipe.weights.file is None:
        label = "module untrained: initial weights"
    sources = (RecipeSource(text, baseline) for baseline in (True, False))
    return _pair(group, "with module", recipe, pipeline, label, *sources)


def _needs_classes(recipe: Recipe, where: str) -> None:
    if recipe.scope != "pipeline":
        raise InputError(
            f"{where}: recipe {recipe.name} has scope {recipe.scope!r}, which gives no classes; "
            'evaluate takes those of scope "pipeline"'
        )


def _pair(
    group: str, name: str, recipe: Recipe, pipeline: Pipeline, label: str | None, baseline: Source, whole: Source
) -> list[Model]:
    """The baseline and, where there is one, the pipeline around it, both in PyTorch."""
    section = recipe.backbone
    assert section is not None
    state = pipeline.state_dict()
    first = _baseline(group, section, recipe.input, pipeline.backbone_state(), baseline)
    if pipeline.is_baseline:
        return [first]
    facts = [recipe.method, recipe.options, section.model_dump(exclude={"weights", "seed"}), recipe.input.model_dump()]
    fingerprint = _digest("pytorch", facts, state)
    size = recipe.input.height_width
    second = Model(
        group, name, "pytorch", size, first.classes, fingerprint, first.fingerprint, recipe.method, label, whole
    )
    return [first, second]


def _backbone(argument: str) -> Model:
    name = argument.removeprefix("timm:")
    network, section = classifier(name)
    backbone = BackboneSection(name=name.partition(".")[0])
    return _baseline(argument, backbone, section, network.state_dict(), TimmSource(name))


def _baseline(
    group: str, backbone: BackboneSection, section: InputSection, state: Mapping[str, Tensor], source: Source
) -> Model:
    """A backbone without a module: the same one out of whatever build, recipe or library has the same fingerprint."""
    size = section.height_width
    facts = [backbone.name, backbone.options, section.mean, section.std, size]
    fingerprint = _digest("pytorch", facts, state)
    classes = source.open()([np.zeros((*size, 3), np.uint8)]).shape[1]
    return Model(group, BASELINE, "pytorch", size, classes, fingerprint, fingerprint, None, None, source)


def _digest(runtime: str, facts: object, tensors: Mapping[str, Tensor]) -> str:
    """Hex SHA-256 of what a model's predictions depend on: facts, tensors, and the versions of what computes."""
    packages = ("torch",) if runtime == "pytorch" else known_runtimes()[runtime].packages
    versions = {name: version(name) for name in ("numpy", "pillow", *packages)}
    return resume_key([runtime, facts, versions, state_hash(tensors)])
