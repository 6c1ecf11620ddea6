"""Modules that repair a photo, as files and in PyTorch: photo in, repaired photo out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from mobile_robust.contracts.manifest import Artifact, Layout, Manifest, verify_hashes
from mobile_robust.contracts.tensors import Role
from mobile_robust.data.image_spec import ImageSpec
from mobile_robust.data.images import Photo, Size
from mobile_robust.errors import InputError
from mobile_robust.evaluation.arguments import named_build, names_recipe, only_tensor, read_build, runtime_for
from mobile_robust.evaluation.predictors import open_file
from mobile_robust.methods.adapter import Component
from mobile_robust.pipelines import Model, build_model, rebuild
from mobile_robust.recipes import built_in_recipes, load_recipe
from mobile_robust.training_record import TrainingRecord

#: Photo, uint8 (H, W, 3) -> the repaired one, equal in shape.
Repair = Callable[[Photo], Photo]


@dataclass(frozen=True)
class RepairModule:
    """A module whose output is the repaired photo.

    Attributes:
        name: Of the artifact's file or the recipe.
        runtime: What executes it.
        method: Of the recipe.
        size: Height and width of its photos in pixels.
        open: Opens it in this process.
        label: What must be known about its weights, such as "module untrained: initial weights".
        trained: On what; None: on nothing, or it is not known.
        sha256: Of the artifact's file; None for what is no file.
    """

    name: str
    runtime: str
    method: str
    size: Size
    open: Callable[[], Repair] = field(compare=False)
    label: str | None = None
    trained: TrainingRecord | None = field(default=None, compare=False)
    sha256: str | None = None


def resolve(arguments: Iterable[str], weights: str | None, runtimes: Sequence[str]) -> list[RepairModule]:
    """The modules that the MODELs of a command line name; for the arguments see
    :func:`~mobile_robust.restoration.run.measure_restoration`.

    Raises:
        InputError: What MODEL cannot be, a build that is unfinished or changed, a method that leaves the photo as it
            is, weights that do not fit, or a runtime that cannot run here or runs none of the files.
    """
    found: list[RepairModule] = []
    recipes = 0
    for argument in dict.fromkeys(arguments):
        if (build := named_build(argument)) is not None:
            found += _build(*build, runtimes)
        elif names_recipe(argument):
            recipe, recipes = load_recipe(argument), recipes + 1
            given = recipe.with_weights(weights) if weights else recipe
            found.append(_in_pytorch(build_model(given), f"recipe {recipe.name}"))
        else:
            raise InputError(
                f"MODEL {argument}: no such folder of a finished build, artifact in one (.tflite, .mlpackage) or "
                f"recipe (a .toml, or one of {', '.join(built_in_recipes())})"
            )
    if weights and not recipes:
        raise InputError(f"--weights {weights}: only a recipe takes them, and no MODEL is one")
    for name in runtimes:
        if all(module.runtime != name for module in found):
            raise InputError(f"--runtime {name}: runs none of the files given")
    return found


def _build(folder: Path, file: str | None, runtimes: Sequence[str]) -> list[RepairModule]:
    """The reference in PyTorch and every artifact that repairs a photo, or one ``file``."""
    manifest, artifacts = read_build(folder, file)
    if file is not None and manifest.recipe.scope == "pipeline":
        raise InputError(f'{folder / file}: gives classes, not the repaired photo; build it with scope = "module"')
    verify_hashes(manifest, folder)
    reference = _in_pytorch(rebuild(folder.resolve(), manifest), str(folder))
    if manifest.recipe.scope == "pipeline":
        return [reference]
    files = [_file(folder, manifest, artifact, reference, runtimes) for artifact in artifacts]
    return files if file is not None else [reference, *files]


def _file(
    folder: Path, manifest: Manifest, artifact: Artifact, reference: RepairModule, runtimes: Sequence[str]
) -> RepairModule:
    image = only_tensor(folder, artifact.file, artifact.inputs, Role.IMAGE)
    repaired = only_tensor(folder, artifact.file, artifact.outputs, Role.IMAGE)
    assert image.value_range is not None  # what a recipe says of an image
    runtime, path = runtime_for(artifact, runtimes), (folder / artifact.file).resolve()
    spec = ImageSpec(reference.size, *image.value_range)

    def opened() -> Repair:
        predict = open_file(path, runtime, image, repaired.name)
        return lambda photo: _photo(spec, predict([photo])[0], artifact.file, repaired.layout)

    return RepairModule(
        artifact.file,
        runtime,
        manifest.recipe.method,
        reference.size,
        opened,
        reference.label,
        reference.trained,
        artifact.sha256,
    )


def _in_pytorch(model: Model, where: str) -> RepairModule:
    network, spec = _repairing(model, where).network, ImageSpec.of(model.recipe.input)
    network.to(memory_format=torch.channels_last)

    def repair(photo: Photo) -> Photo:
        with torch.inference_mode():
            repaired = network(spec.tensor(torch.from_numpy(photo[None])))[0].contiguous().numpy()
        return _photo(spec, repaired, where, "NCHW")

    label, trained = model.provenance.label, model.trained
    return RepairModule(model.recipe.name, "pytorch", model.recipe.method, spec.size, lambda: repair, label, trained)


def _repairing(model: Model, where: str) -> Component:
    """What takes the photo and gives the repaired one: the recipe's component, or one of its pipeline's adapter."""
    recipe = model.recipe
    if recipe.scope == "module":
        components = [Component(model.reference, model.inputs, model.output)]
    else:
        components = [*model.components().values()]
    for component in components:
        if component.output.role is Role.IMAGE and [spec.role for spec in component.inputs] == [Role.IMAGE]:
            return component
    what = f"component {recipe.component} of method {recipe.method}" if recipe.component else f"method {recipe.method}"
    raise InputError(
        f"{where}: {what} gives no repaired photo for a photo; methods such as dir, sympie and fidelity do"
    )


def _photo(spec: ImageSpec, values: NDArray[np.float32], where: str, layout: Layout) -> Photo:
    if not np.isfinite(values).all():
        raise InputError(f"{where}: gives values that are no numbers")
    return spec.photo(values, layout)
