"""What a method brings to its training: how a batch becomes a loss. The loop owns the rest."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar, cast

import torch
from torch import Tensor, nn

from mobile_robust.data.image_spec import ImageSpec
from mobile_robust.methods.adapter import Adapter
from mobile_robust.methods.method import Options
from mobile_robust.methods.pipeline import Pipeline
from mobile_robust.state_dicts import apply_state, read_state

#: Share of the steps in which batch norms' statistics follow the batches. Then they are fixed, so that the last steps
#: train the very function that is deployed.
MOVING_STATISTICS = 0.8

P = TypeVar("P", bound=Pipeline)
A = TypeVar("A", bound=Adapter)


class Batch(NamedTuple):
    """B samples: a clean crop, the same crop to learn from, and its class."""

    clean: Tensor  # (B, H, W, 3) uint8
    degraded: Tensor  # (B, H, W, 3) uint8
    labels: Tensor  # (B,) int64, -1: unknown


class Task(nn.Module, ABC, Generic[P, A]):
    """A pipeline whose adapter is trained; everything else in it is frozen.

    Args:
        pipeline: See :meth:`Pipeline.frozen`; its adapter is changed in place. Its baseline is the teacher. It is the
            student as well, unless the loop puts another one in its stead.
        image: What the pipeline takes, in the size of the crops.
        options: The method's own.
        steps: Of the whole training.
    """

    def __init__(self, pipeline: P, image: ImageSpec, options: Options, steps: int) -> None:
        super().__init__()
        # Depthwise convolutions run twice as fast channels last on a CPU.
        self.pipeline: P = pipeline.to(memory_format=torch.channels_last).requires_grad_(False)
        self.module = cast(A, pipeline.module.requires_grad_(True).train())  # its parameters, and only they, learn
        self.image = image
        #: Gives, as a context, the pipeline that the loss is computed with.
        self.student: Callable[[], AbstractContextManager[Pipeline]] = lambda: nullcontext(self.pipeline)
        self.moving_statistics = MOVING_STATISTICS
        #: Shares of the steps at which the learning rate rises anew, the first one 0.
        self.stages: tuple[float, ...] = (0.0,)

    @abstractmethod
    def loss(self, student: P, batch: Batch) -> dict[str, Tensor]:
        """The loss under "loss", and what else is worth a look in the log, scalars all."""

    def forward(self, *arrays: Tensor) -> dict[str, Tensor]:
        with self.student() as student:
            return self.loss(student, Batch(*arrays))  # type: ignore[arg-type]  # the loop's student is of the same class

    def use_student(self, pipeline: P) -> None:
        """Called where another pipeline than the task's own becomes the student, before the first step."""

    def param_groups(self) -> list[tuple[list[nn.Parameter], float]]:
        """The parameters that learn, in groups, with the share of the learning rate that each gets in this step."""
        return [(list(self.module.parameters()), 1.0)]

    def on_step_start(self, progress: float) -> None:
        """Called with the share of the steps that are done."""
        self.module.train(progress < self.moving_statistics)

    def on_step_end(self) -> None:
        """Called after a step."""

    def load(self, path: Path, what: str) -> None:
        """Trained weights to begin from; ``what`` names the module where an InputError says that they do not fit."""
        apply_state(self.module, read_state(path), path, what)
        self.module.check_state()

    def images(self, photos: Tensor) -> Tensor:
        """B photos, uint8 (B, H, W, 3) -> what the pipeline takes, (B, 3, H, W), channels last in memory."""
        return self.image.tensor(photos)

    def targets(self, batch: Batch) -> Tensor:
        """The classes (B,): the labels, and where there is none what the baseline predicts for the clean crop."""
        if bool((batch.labels >= 0).all()):
            return batch.labels
        with torch.no_grad():
            predicted = self.pipeline.baseline(self.images(batch.clean)).argmax(1)
            return torch.where(batch.labels >= 0, batch.labels, predicted)

    def checkpoint_state(self) -> dict[str, Tensor]:
        """All that a stopped training needs to resume exactly, but for the optimizer's state."""
        return dict(self.module.state_dict())

    def load_checkpoint_state(self, state: Mapping[str, Tensor]) -> None:
        """Loads what :meth:`checkpoint_state` gave."""
        self.module.load_state_dict(state)

    def result(self) -> dict[str, Tensor]:
        """The weights that ship."""
        return {name: tensor.cpu().contiguous() for name, tensor in self.module.state_dict().items()}
