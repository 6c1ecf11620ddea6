"""What MODEL may be on the command line, and everything that is scored for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
from torch import Tensor

from mobile_robust.contracts.manifest import Artifact, Manifest, verify_hashes
from mobile_robust.contracts.recipe import BackboneSection, InputSection, Recipe
from mobile_robust.contracts.tensors import Role
from mobile_robust.data.images import Size
from mobile_robust.errors import InputError
from mobile_robust.evaluation.arguments import named_build, names_recipe, only_tensor, read_build, runtime_for
from mobile_robust.evaluation.predictors import Open, classifier, model_of, open_file, open_pipeline, open_timm
from mobile_robust.files import resume_key, state_hash
from mobile_robust.recipes import built_in_recipes, load_recipe
from mobile_robust.runtimes.registry import find
from mobile_robust.training_record import TrainingRecord

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
        open: Opens it.
        method: Of the module; None for a baseline.
        warnings: What is doubtful about it.
        label: What must be known about its weights, such as "untrained: latency only".
        trained: On what its module was; None: on nothing, or it is not known.
        sha256: Of the artifact's file; None for what is no file.
        needs_clean: Whether it takes photos of six channels, degraded and clean: an oracle.
    """

    group: str
    name: str
    runtime: str
    size: Size
    classes: int
    fingerprint: str
    baseline: str
    open: Open = field(compare=False)
    method: str | None = None
    label: str | None = None
    trained: TrainingRecord | None = field(default=None, compare=False)
    warnings: tuple[str, ...] = ()
    sha256: str | None = None
    needs_clean: bool = False


def resolve(arguments: Iterable[str], backbone_weights: str | None, runtimes: Sequence[str]) -> list[Model]:
    """Everything that is scored for the MODELs of a command line, each once, a baseline first. For the arguments see
    :func:`~mobile_robust.evaluation.run.evaluate`.

    Raises:
        InputError: What MODEL cannot be, a build that is unfinished, changed or gives no classes, weights that do not
            fit, or a runtime that cannot run here or runs none of the files.
    """
    found: list[Model] = []
    recipes = 0
    for argument in dict.fromkeys(arguments):
        if argument.startswith("timm:"):
            found.append(_backbone(argument))
        elif (build := named_build(argument)) is not None:
            found += _build(*build, runtimes)
        elif names_recipe(argument):
            recipe, recipes = load_recipe(argument), recipes + 1
            given = recipe.with_backbone_weights(backbone_weights) if backbone_weights else recipe
            _needs_classes(given, f"recipe {given.name}")
            found += _pair(argument, "with module", given.model_dump_json())
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
    manifest, artifacts = read_build(folder, file)
    _needs_classes(manifest.recipe, str(folder))
    verify_hashes(manifest, folder)
    pair = _pair(str(folder), "reference", folder.resolve())
    files = [_file(folder, manifest, artifact, pair, runtimes) for artifact in artifacts]
    return [*(pair if file is None else pair[:1]), *files]


def _file(
    folder: Path, manifest: Manifest, artifact: Artifact, pair: Sequence[Model], runtimes: Sequence[str]
) -> Model:
    image = only_tensor(folder, artifact.file, artifact.inputs, Role.IMAGE)
    logits = only_tensor(folder, artifact.file, artifact.outputs, Role.LOGITS)
    runtime = runtime_for(artifact, runtimes)
    return replace(
        pair[0],
        name=artifact.file.removeprefix(f"{manifest.recipe.name}_"),
        runtime=runtime,
        classes=logits.shape[-1],
        fingerprint=_digest(runtime, [artifact.sha256, *(image.value_range or ()), image.layout], {}),
        open=partial(open_file, (folder / artifact.file).resolve(), runtime, image, logits.name),
        method=manifest.recipe.method,
        label=manifest.provenance.label,
        trained=pair[-1].trained,
        sha256=artifact.sha256,
    )


def _needs_classes(recipe: Recipe, where: str) -> None:
    if recipe.scope != "pipeline":
        raise InputError(
            f"{where}: recipe {recipe.name} has scope {recipe.scope!r}, which gives no classes; "
            'evaluate takes those of scope "pipeline"'
        )


def _pair(group: str, name: str, origin: Path | str) -> list[Model]:
    """The baseline and, where a module is around it, the pipeline, both in PyTorch; see :func:`model_of`."""
    model = model_of(origin)
    pipeline, recipe = model.pipeline, model.recipe
    section = recipe.backbone
    assert pipeline is not None and section is not None
    baseline = _baseline(group, section, recipe.input, pipeline.backbone_state(), partial(open_pipeline, origin, True))
    baseline = replace(baseline, warnings=model.provenance.warnings)
    if pipeline.is_baseline:
        return [baseline]
    facts = [recipe.method, recipe.options, section.model_dump(exclude={"weights", "seed"}), recipe.input.model_dump()]
    whole = replace(
        baseline,
        name=name,
        fingerprint=_digest("pytorch", facts, pipeline.state_dict()),
        open=partial(open_pipeline, origin, False),
        method=recipe.method,
        label=model.provenance.label,
        trained=model.trained,
        needs_clean=pipeline.needs_clean,
    )
    return [baseline, whole]


def _backbone(argument: str) -> Model:
    name = argument.removeprefix("timm:")
    network, section = classifier(name)
    backbone = BackboneSection(name=name.partition(".")[0])
    return _baseline(argument, backbone, section, network.state_dict(), partial(open_timm, name))


def _baseline(
    group: str, backbone: BackboneSection, section: InputSection, state: Mapping[str, Tensor], opened: Open
) -> Model:
    """A backbone without a module: the same one out of whatever build, recipe or library has the same fingerprint."""
    size = section.height_width
    fingerprint = _digest("pytorch", [backbone.name, backbone.options, *section.normalization, size], state)
    classes = opened()([np.zeros((*size, 3), np.uint8)]).shape[1]
    return Model(group, BASELINE, "pytorch", size, classes, fingerprint, fingerprint, opened)


def _digest(runtime: str, facts: object, tensors: Mapping[str, Tensor]) -> str:
    """Hex SHA-256 of what a model's predictions depend on: facts, tensors, and the versions of what computes."""
    packages = ("torch",) if runtime == "pytorch" else find(runtime).packages
    versions = {name: version(name) for name in ("numpy", "pillow", *packages)}
    return resume_key([runtime, facts, versions, state_hash(tensors)])
