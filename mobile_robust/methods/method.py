"""What a method declares of itself in ``methods/NAME/method.py``. Nothing here, nor there, imports PyTorch: command
lines read it for ``--help``. What needs PyTorch is named as "module:attribute" and imported when it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from mobile_robust.contracts.recipe import Recipe


class Options(BaseModel):
    """Base of a method's options: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Reference(str):
    """An attribute of a module, "package.module:attribute", imported when it is used."""

    def load(self) -> Any:
        module, _, attribute = self.partition(":")
        return getattr(import_module(module), attribute)


@dataclass(frozen=True)
class Published:
    """A paper's top-1 in % under one corruption.

    The papers' networks, photos and training differ from ours: only the share of the loss that is recovered compares.

    Attributes:
        network: The network and data set of the figures.
        source: Paper and table.
        corruption: As in the registry.
        levels: Of the corruption.
        clean: The baseline on clean photos.
        direct: The baseline on corrupted ones: one figure a level, or one that is the mean of all levels.
        repaired: With the method, likewise.
    """

    network: str
    source: str
    corruption: str
    levels: tuple[float, ...]
    clean: float
    direct: tuple[float, ...]
    repaired: tuple[float, ...]

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
class Latency:
    """What is published of a network's cost; 224x224, one image.

    Attributes:
        parameters: How many.
        macs: Multiply-accumulates (the papers' "FLOPs").
        cpu_ms: Latency on a Snapdragon 865's CPU in milliseconds; None where there is no such figure.
        gpu_ms: The same on its GPU, an Adreno 640.
        source: Where the figures are printed.
    """

    parameters: float
    macs: float
    cpu_ms: float | None
    gpu_ms: float | None
    source: str


@dataclass(frozen=True)
class Ablation:
    """One way to build and train a method.

    Attributes:
        name: Of its recipe and weights.
        recipe: What is built.
        train: Changed training options.
    """

    name: str
    recipe: Recipe
    train: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Training:
    """How a method is trained.

    Attributes:
        task: The :class:`~mobile_robust.methods.task.Task`.
        summary: One line for ``train --help``.
        description: A sentence or two for ``train METHOD --help``.
        options: The task's own options: ONE definition gives flags, the checkpoint's key and the card.
        clean_share: Share of the crops that stay clean, so that good photos are left alone.
        corruptions: Default corruptions.
        steps: Default number of optimizer steps.
        batch: Default crops a step.
        rate: Default learning rate.
        crop: (height, width) of the recipe's photos -> of the crops.
        labels: Whether it can use labels.
    """

    task: Reference
    summary: str
    description: str
    clean_share: float
    corruptions: tuple[str, ...]
    steps: int
    batch: int
    rate: float
    options: type[Options] = Options
    crop: Callable[[tuple[int, int]], tuple[int, int]] = lambda size: size
    labels: bool = True


@dataclass(frozen=True)
class Command:
    """A command of a method's own: ``python -m mobile_robust NAME``.

    Attributes:
        main: Takes the arguments, returns the exit code.
        summary: One line for ``--help``.
    """

    main: Reference
    summary: str


@dataclass(frozen=True)
class Method:
    """A method.

    Attributes:
        name: As recipes have it.
        paper: Authors, title, where it appeared.
        options: Of the recipe's ``[options]``.
        build: (:class:`~mobile_robust.methods.site.Site`, options) -> Adapter with initial weights.
        pipeline: (Site, Adapter) -> Pipeline; one of the toolkit's, or the method's own.
        required: (Site) -> the part of the backbone that a component by itself needs weights of, and its name in words;
            None: no part.
        training: How it is trained; None: it cannot be.
        ablations: (recipe, folder for files, seed) -> what each idea of the paper is compared with.
        published: The paper's accuracies.
        latency: Recipe name -> what is published of its cost.
        excluded: What papers compare with and no recipe is made for -> why.
        commands: Name -> command of its own.
    """

    name: str
    paper: str
    build: Reference
    pipeline: Reference
    options: type[Options] = Options
    required: Reference | None = None
    training: Training | None = None
    ablations: Callable[[Recipe, Path, int], list[Ablation]] | None = None
    published: tuple[Published, ...] = ()
    latency: Mapping[str, Latency] = field(default_factory=dict)
    excluded: Mapping[str, str] = field(default_factory=dict)
    commands: Mapping[str, Command] = field(default_factory=dict)
