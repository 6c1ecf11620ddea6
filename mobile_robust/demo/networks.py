"""The two files of the demo app: with the module and without, to be used by the same code."""

from __future__ import annotations

from pathlib import Path

from mobile_robust.bench.android.platform import ANDROID
from mobile_robust.bench.device.plan import choose_models
from mobile_robust.bench.models import Model
from mobile_robust.contracts.tensors import Role
from mobile_robust.errors import InputError


def choose(build: Path, baseline: Path, precision: str) -> tuple[Model, Model]:
    """A TFLite file of each, in this precision or the one that is named.

    Args:
        build: Folder of a finished build, or a .tflite file in it: a pipeline with a module.
        baseline: Likewise: of the bare backbone (method none), for photos and classes of the same kind.

    Raises:
        InputError: No such file, a build that was changed, a file that phones would refuse; not a pipeline, no module
            or one where none should be, or two that do not take and give the same.
    """
    repaired, plain = (choose_models(ANDROID, [path], [precision], ["cpu"])[0] for path in (build, baseline))
    for model, path in ((repaired, build), (plain, baseline)):
        tensors = (*model.artifact.inputs, *model.artifact.outputs)
        if [tensor.role for tensor in tensors] != [Role.IMAGE, Role.LOGITS]:
            raise InputError(f"{path}: is a module by itself; the app needs a pipeline, from the photo to its classes")
    if _method(repaired) == "none":
        raise InputError(f"{build}: has no module; give it as --baseline, and a build of a pipeline with one first")
    if (method := _method(plain)) != "none":
        advice = 'give a build of the bare backbone (a recipe with method = "none")'
        raise InputError(f"--baseline {baseline}: has the module {method} in it; {advice}")
    ours, theirs = _takes_and_gives(repaired), _takes_and_gives(plain)
    if ours != theirs:
        raise InputError(f"--baseline {baseline}: {theirs}, but {build}: {ours}; both must be the same")
    return repaired, plain


def _method(model: Model) -> str:
    return model.manifest.recipe.method


def _takes_and_gives(model: Model) -> str:
    """All that the app's code depends on; the normalization is inside the file."""
    tensors = (*model.artifact.inputs, *model.artifact.outputs)
    image, logits = (f"{tensor.name} {' x '.join(map(str, tensor.shape))}" for tensor in tensors)
    return f"takes {image} from 0 to {model.manifest.recipe.input.range} and gives {logits}"
