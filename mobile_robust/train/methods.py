"""The methods that can be trained, and what each brings: its task, its samples, its defaults."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mobile_robust.contracts.recipe import Recipe, WeightsSection
from mobile_robust.data.images import Size
from mobile_robust.errors import InputError
from mobile_robust.methods.afd import training as afd
from mobile_robust.methods.deepcorrect import training as deepcorrect
from mobile_robust.methods.sympie import training as sympie
from mobile_robust.methods.task import Degradation, Sampler, Task
from mobile_robust.systems import System, build_system
from mobile_robust.train.samples import CropPair


@dataclass(frozen=True)
class Method:
    """How a method is trained.

    Attributes:
        task: (system, size of the crops, options of the command line) -> what learns.
        sampler: (size of the crops, degradations) -> what makes samples.
        crop: Recipe's size -> size of the crops.
    """

    task: Callable[[System, Size, Namespace], Task]
    sampler: Callable[[Size, Sequence[Degradation]], Sampler]
    crop: Callable[[Size], Size] = lambda size: size


def _part(size: Size) -> Size:
    """128 x 128 of 224, a third of the work: for methods that look at a neighbourhood only."""
    return (max(32, min(size) * 4 // 7 // 32 * 32),) * 2


METHODS = {
    "afd": Method(
        lambda system, size, options: afd.Distillation(system, size[0], options.loss),
        lambda size, degradations: CropPair(size, degradations, afd.CLEAN_SHARE),
        _part,
    ),
    "sympie": Method(
        lambda system, size, options: sympie.Estimation(system, size, options.loss, options.fit / options.steps),
        lambda size, degradations: CropPair(size, degradations, sympie.CLEAN_SHARE),
    ),
    "deepcorrect": Method(
        lambda system, size, options: deepcorrect.Correction(system),
        lambda size, degradations: CropPair(size, degradations, deepcorrect.CLEAN_SHARE),
    ),
}


def start(method: str, recipe: Recipe, seed: int) -> System:
    """The recipe's system with a module at its initial weights, drawn with ``seed``.

    Raises:
        InputError: The recipe is for another method, or has no backbone; see also :func:`build_system`.
    """
    if recipe.method != method:
        raise InputError(
            f"recipe {recipe.name} is for method {recipe.method!r}; this trains recipes for method {method!r}"
        )
    if recipe.backbone is None:
        raise InputError(f"recipe {recipe.name} has no [backbone]: a module is trained for one; name a recipe that has")
    weights = WeightsSection(seed=seed, ranking=recipe.weights.ranking)
    return build_system(recipe.model_copy(update={"weights": weights, "part": None, "scope": "pipeline"}))
