"""What a method brings to its training: what it learns from a batch, and how a photo becomes a sample."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mobile_robust.data.images import Photo
from mobile_robust.state_dicts import apply_state, read_state
from mobile_robust.systems import System
from mobile_robust.systems.features import FeaturePipeline
from mobile_robust.systems.images import ImagePipeline
from mobile_robust.systems.place import Pipeline
from mobile_robust.train.fake_quant import Simulation

#: The batch norms' statistics follow the batches for this share of the steps and are fixed for the rest, so that the
#: last steps train the very function that is deployed.
MOVING_STATISTICS = 0.8

#: Name of a corruption and one of its levels.
Degradation = tuple[str, float]


class Sampler(Protocol):
    """Makes samples; pickled into the reading processes."""

    def __call__(self, photo: Photo, label: int, random: np.random.Generator) -> tuple[NDArray[Any], ...]:
        """One sample of a photo (uint8, any size, label -1: unknown): the arrays that :meth:`Task.forward` takes."""


class Task(nn.Module, ABC):
    """A system whose module is trained; everything else in it is frozen.

    Args:
        system: The system; its module is changed in place.

    Attributes:
        pipeline: The system's pipeline.
        module: The module; its parameters, and only they, learn.
        top: Largest value of the recipe's image.
    """

    def __init__(self, system: System) -> None:
        super().__init__()
        # Depthwise convolutions run twice as fast channels last on a CPU.
        self.pipeline = frozen(system).to(memory_format=torch.channels_last)
        self.module = system.module.requires_grad_(True).train()
        self.top = float(system.recipe.input.range)
        self.where = f"method {system.recipe.method} {system.where}"
        self.float_layers = system.recipe.quantization.float_layers
        self.simulation: Simulation | None = None

    @abstractmethod
    def forward(self, *arrays: Tensor) -> dict[str, Tensor]:
        """A batch of samples -> the loss under "loss", and what else is worth a look in the log, scalars all."""

    def rates(self) -> list[tuple[list[nn.Parameter], float]]:
        """The parameters that learn, in groups, with the share of the learning rate that each group gets."""
        return [(list(self.module.parameters()), 1.0)]

    def begin(self, done: float) -> None:
        """Called before a step, with the share of the steps that are done."""
        self.module.train(done < MOVING_STATISTICS and self.simulation is None)

    def end(self) -> None:
        """Called after a step."""

    def load(self, path: Path) -> None:
        """Trained weights to begin from.

        Raises:
            InputError: The file cannot be read, or does not fit the module.
        """
        apply_state(self.module, read_state(path), path, self.where)
        self.module.eval().reparameterize()  # where values do not fit, it shows there

    def quantize(self, photos: Tensor) -> None:
        """From now on the module learns as an int8 file computes it. ``photos``, uint8 (B, H, W, 3), are those that
        the frozen network's weights are rounded on.
        """
        self.simulation = Simulation(self.pipeline, self.module, self.float_layers, self.images(photos))

    def learner(self) -> AbstractContextManager[Pipeline]:
        """The pipeline to compute the loss with: its own, or the one that an int8 file is."""
        return nullcontext(self.pipeline) if self.simulation is None else self.simulation.deployed()

    def images(self, photos: Tensor) -> Tensor:
        """B photos, uint8 (B, H, W, 3) -> (B, 3, H, W) in [0, top], channels last in memory."""
        batch = photos.permute(0, 3, 1, 2).float() * (self.top / 255)
        return batch.contiguous(memory_format=torch.channels_last)

    def kept(self) -> dict[str, Tensor]:
        """All that a stopped training needs to go on exactly, but for the optimizer's state."""
        return {name: tensor.detach() for name, tensor in self.module.state_dict().items()}

    def restore(self, kept: Mapping[str, Tensor]) -> None:
        """Takes back what :meth:`kept` gave."""
        self.module.load_state_dict(kept)

    def result(self) -> dict[str, Tensor]:
        """The weights that ship."""
        return {name: tensor.detach().cpu().contiguous() for name, tensor in self.module.state_dict().items()}


def frozen(system: System) -> Pipeline:
    """The system's pipeline, its module in training form; where the backbone can be had with its batch norms folded, it
    is: an equal function that takes two thirds of the time.
    """
    pipeline, deployed = system.pipeline, system.deploy
    if isinstance(pipeline, FeaturePipeline) and isinstance(deployed, FeaturePipeline):
        pipeline.stem, pipeline.tail = deployed.stem, deployed.tail
    elif isinstance(pipeline, ImagePipeline) and isinstance(deployed, ImagePipeline):
        pipeline.network = deployed.network
    assert pipeline is not None
    return pipeline


def stack(samples: Sequence[tuple[NDArray[Any], ...]]) -> tuple[Tensor, ...]:
    """Samples as one batch."""
    return tuple(torch.from_numpy(np.stack(arrays)) for arrays in zip(*samples, strict=True))
