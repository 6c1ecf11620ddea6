"""What a method declares of itself in ``methods/NAME/method.py``. Nothing here, nor there, imports PyTorch: command
lines read it for ``--help``. What needs PyTorch is named as "module:attribute" and imported when it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict

from mobile_robust.contracts.recipe import Recipe


class Options(BaseModel):
    """Base of a method's options: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _different(names: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if names is not None and ("" in names or len(set(names)) != len(names)):
        raise ValueError("must be a list of different layer names")
    return names


#: An option that names layers, each once.
LayerNames = Annotated[tuple[str, ...], AfterValidator(_different)]


def small_crop(size: tuple[int, int]) -> tuple[int, int]:
    """128 x 128 of 224, a third of the work."""
    return (max(32, min(size) * 4 // 7 // 32 * 32),) * 2


class LazyImport(str):
    """An attribute of a module, "package.module:attribute", imported when it is used."""

    def load(self) -> Any:
        module, _, attribute = self.partition(":")
        return getattr(import_module(module), attribute)


@dataclass(frozen=True)
class Published:
    """A paper's top-1 in % under one corruption.

    The papers' networks, photos and training differ from ours: only the share of the loss that is recovered compares.
    """

    network: str  # and data set
    source: str  # paper and table
    corruption: str
    levels: tuple[float, ...]
    clean: float  # the baseline on clean photos
    direct: tuple[float, ...]  # the baseline on corrupted ones: a figure for each level, or one for all on average
    repaired: tuple[float, ...]  # with the method, likewise

    def at(self, levels: Sequence[float]) -> tuple[float, float] | None:
        """(direct, repaired) on average over these levels; None where the paper does not say."""
        if len(self.direct) == 1 < len(self.levels):
            return (self.direct[0], self.repaired[0]) if set(levels) == set(self.levels) else None
        if not set(levels) <= set(self.levels):
            return None
        indices = [self.levels.index(level) for level in levels]
        direct, repaired = (sum(values[i] for i in indices) / len(indices) for values in (self.direct, self.repaired))
        return direct, repaired


@dataclass(frozen=True)
class PublishedRestoration:
    """What a paper reports of repaired photos beside the clean ones; its photos and training differ from ours."""

    form: str  # of the method, as its ablation calls it
    photos: str  # data set
    source: str  # paper and table
    corruption: str
    psnr: float  # dB
    lpips: float


@dataclass(frozen=True)
class PublishedLatency:
    """What is published of a network's cost; 224x224, one image."""

    parameters: float
    macs: float  # multiply-accumulates, the papers' "FLOPs"
    cpu_ms: float | None  # on a Snapdragon 865; None where there is no such figure
    gpu_ms: float | None  # on its Adreno 640
    source: str


@dataclass(frozen=True)
class Ablation:
    """One way to build and train a method."""

    name: str  # of its recipe and weights
    recipe: Recipe
    train: Mapping[str, Any] = field(default_factory=dict)  # changed training options


@dataclass(frozen=True)
class Training:
    """How a method is trained."""

    task: LazyImport  # a mobile_robust.methods.task.Task
    summary: str  # for ``train --help``
    description: str  # for ``train METHOD --help``
    clean_share: float  # of the crops, so that good photos are left alone
    corruptions: tuple[str, ...]
    steps: int
    batch: int
    rate: float
    options: type[Options] = Options  # the task's own: ONE definition gives flags, the checkpoint's key and the card
    crop: Callable[[tuple[int, int]], tuple[int, int]] = lambda size: size  # (height, width) of the photos -> of crops
    labels: bool = True  # whether it can use any

    def defaults(self) -> dict[str, Any]:
        """Of the settings that all methods have."""
        names = ("corruptions", "steps", "batch", "rate", "clean_share")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Command:
    """A command of a method's own: ``mobile-robust NAME``."""

    main: LazyImport  # takes the arguments, returns the exit code
    summary: str  # for ``--help``


@dataclass(frozen=True)
class Method:
    """A method."""

    name: str  # as recipes have it
    paper: str  # authors, title, where it appeared
    build: LazyImport  # (Site, options) -> Adapter with initial weights
    pipeline: LazyImport  # (Site, Adapter) -> Pipeline; one of the toolkit's, or the method's own
    options: type[Options] = Options  # of the recipe's [options]
    variants: tuple[str, ...] = ()  # values of options.variant that new recipes have, the costliest first
    float_layers: tuple[str, ...] = ()  # of the adapter: too coarse in int8; new recipes keep them float
    #: (Site) -> the part of the backbone that a component by itself needs weights of, and its name in words.
    required: LazyImport | None = None
    training: Training | None = None
    #: (recipe, folder for files, seed) -> what each idea of the paper is compared with.
    ablations: Callable[[Recipe, Path, int], list[Ablation]] | None = None
    published: tuple[Published, ...] = ()
    restoration: tuple[PublishedRestoration, ...] = ()
    latency: Mapping[str, PublishedLatency] = field(default_factory=dict)  # by recipe
    excluded: Mapping[str, str] = field(default_factory=dict)  # what papers compare with and no recipe is for -> why
    commands: Mapping[str, Command] = field(default_factory=dict)
