"""How long, how fast and on what a training runs: all that is the same for every method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mobile_robust.errors import InputError
from mobile_robust.methods.method import Method, Training


@dataclass(frozen=True)
class TrainSettings:
    """Settings of a training. Command line: ``train --help``.

    Attributes:
        corruptions: Names and families of the registry, NAME or NAME:LEVEL.
        steps: Optimizer steps.
        batch: Crops a step.
        rate: Highest learning rate; Adam, warmed up, then a half cosine down to 0.
        crop: Side of the crops in pixels; None: the method's share of the photo.
        seed: Of all that is random.
        start: Trained weights to begin from; None: an adapter that changes nothing.
        quantized: Quantization-aware: compute with an int8 file's rounding, batch norms fixed.
        checkpoint_every: Steps from one checkpoint to the next.
        threads: CPU threads.
        readers: Processes that read photos beside this one.
        cpu: Leave the GPU alone.
        mixed_precision: On a GPU.

    Raises:
        InputError: A value out of its range.
    """

    corruptions: tuple[str, ...]
    steps: int
    batch: int
    rate: float
    crop: int | None = None
    seed: int = 0
    start: Path | None = None
    quantized: bool = False
    checkpoint_every: int = 100
    threads: int = 2
    readers: int = 1
    cpu: bool = False
    mixed_precision: Literal["no", "fp16", "bf16"] = "no"

    @classmethod
    def of(cls, method: Method, **changes: object) -> TrainSettings:
        """A method's defaults, with changes.

        Raises:
            InputError: It cannot be trained, or a value is out of its range.
        """
        training = training_of(method)
        defaults = {name: getattr(training, name) for name in ("corruptions", "steps", "batch", "rate")}
        make: Callable[..., TrainSettings] = cls
        return make(**{**defaults, **changes})

    def __post_init__(self) -> None:
        least = {"steps": 1, "batch": 1, "threads": 1, "checkpoint_every": 1, "seed": 0, "readers": 0}
        for name, lowest in least.items():
            if (value := getattr(self, name)) < lowest:
                raise InputError(f"--{name.replace('_', '-')} {value}: must be {lowest} or more")
        if self.crop is not None and (self.crop < 32 or self.crop % 32):
            raise InputError(f"--crop {self.crop}: allowed are multiples of 32")
        if not 0 < self.rate <= 1:
            raise InputError(f"--rate {self.rate:g}: allowed are rates greater than 0, at most 1")
        if self.quantized and self.start is None:
            raise InputError("--quantized finishes trained weights: name them with --start FILE")


def training_of(method: Method) -> Training:
    """Raises InputError for a method that cannot be trained."""
    if method.training is None:
        raise InputError(f"method {method.name} cannot be trained")
    return method.training
