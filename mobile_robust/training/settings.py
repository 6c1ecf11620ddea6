"""How long, how fast and on what a training runs: all that is the same for every method."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from mobile_robust.contracts.recipe import MAX_SEED, MOST_SIDE
from mobile_robust.errors import InputError
from mobile_robust.methods.method import Method, Options, Training
from mobile_robust.options import MOST_COUNT, MOST_PROCESSES

#: Crops of a step: they are in memory together.
MOST_BATCH = 65_536
_RANGES = {
    "steps": (1, MOST_COUNT),
    "batch": (1, MOST_BATCH),
    "threads": (1, MOST_PROCESSES),
    "checkpoint_every": (1, MOST_COUNT),
    "seed": (0, MAX_SEED),
    "validation": (0, MOST_COUNT),
    "readers": (0, MOST_PROCESSES),
}


class TrainSettings(Options):
    """Settings of a training; every one but the first is a flag of ``train``. Raises InputError for one out of its
    range."""

    corruptions: tuple[str, ...] = Field(description="names and families of the registry, NAME or NAME:LEVEL")
    steps: int = Field(description="default: %(default)s")
    batch: int = Field(description="crops a step (default: %(default)s)")
    rate: float = Field(description="highest learning rate (default: %(default)s)")
    clean_share: float = Field(
        description="of the crops that are left as they are: more of them keep clean photos right (default: "
        "%(default).2g)"
    )
    crop: int | None = Field(
        default=None, description="side of the crops in pixels (default: the method's share of the photo)"
    )
    seed: int = Field(default=0, description="of all that is random (default: %(default)s)")
    start: Path | None = Field(
        default=None,
        description="trained weights of the same module to begin from, .safetensors (default: a module that changes "
        "nothing)",
    )
    quantized: bool = Field(
        default=False,
        description="quantization-aware training of --start: compute with an int8 file's rounding, batch norms fixed. "
        "A few hundred steps at a tenth of the default rate",
    )
    validation: int = Field(
        default=100,
        description="photos to measure on what the training brings, a fifth of all at most; it does not learn from "
        "them (default: %(default)s; 0: none)",
    )
    checkpoint_every: int = Field(default=100, description="steps (default: %(default)s)")
    threads: int = Field(default=2, description="CPU threads (default: %(default)s)")
    readers: int = Field(default=1, description="processes that read photos (default: %(default)s)")
    cpu: bool = Field(default=False, description="leave the GPU alone")
    mixed_precision: Literal["no", "fp16", "bf16"] = Field(
        default="no",
        description="on a GPU; bf16 on a CPU that computes it, too: three quarters of the time (default: %(default)s)",
    )

    @classmethod
    def of(cls, method: Method, **changes: Any) -> TrainSettings:
        """A method's defaults, with changes; raises InputError where it cannot be trained."""
        return cls(**{**training_of(method).defaults(), **changes})

    @model_validator(mode="after")
    def _in_range(self) -> TrainSettings:
        for name, (least, most) in _RANGES.items():
            if not least <= (value := getattr(self, name)) <= most:
                bound = f"{least} or more" if value < least else f"{most} or less"
                raise InputError(f"--{name.replace('_', '-')} {value}: must be {bound}")
        if self.crop is not None and (not 32 <= self.crop <= MOST_SIDE or self.crop % 32):
            raise InputError(f"--crop {self.crop}: allowed are multiples of 32, at most {MOST_SIDE}")
        if not 0 < self.rate <= 1:
            raise InputError(f"--rate {self.rate:g}: allowed are rates greater than 0, at most 1")
        if not 0 <= self.clean_share < 1:
            raise InputError(f"--clean-share {self.clean_share:g}: allowed are shares from 0 to below 1")
        if self.quantized and self.start is None:
            raise InputError("--quantized finishes trained weights: name them with --start FILE")
        return self


def training_of(method: Method) -> Training:
    """Raises InputError for a method that cannot be trained."""
    if method.training is None:
        raise InputError(f"method {method.name} cannot be trained")
    return method.training
