"""Recipe: one TOML page that says what is built, in which precisions, and how equal it must be.

:mod:`mobile_robust.recipes` reads one.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import Field, field_validator, model_validator

from mobile_robust.contracts.accelerators import ACCELERATORS, Accelerator
from mobile_robust.contracts.contract import Contract
from mobile_robust.contracts.precisions import PRECISIONS, CoremlForm, Precision, Scope, TfliteForm, precisions_of
from mobile_robust.contracts.targets import Target
from mobile_robust.errors import InputError

#: PyTorch takes no larger one.
MAX_SEED = 2**63 - 1
#: Bytes of a file's name that leave room for what is added to it while it is written, and for its variants.
MOST_NAME = 200
#: Images that a build compares or calibrates on: they are in memory together.
MOST_IMAGES = 1024


class BackboneSection(Contract):
    """The pretrained classifier and where it is split.

    ``weights`` is a safetensors (or tensor-only ``.pth``) file, or ``timm:NAME`` to download timm's; for scope "module"
    the file needs no more than the stem. Without weights the backbone is initialized from ``seed``: right for latency,
    meaningless for accuracy, and labelled so.
    """

    name: str = Field(description="timm model name, such as resnet50")
    layer: str | None = Field(default=None, description="last layer of the stem; default: the paper's point")
    options: dict[str, Any] = Field(default_factory=dict, description="keyword arguments for timm.create_model")
    weights: str | None = Field(default=None, description="a file, or timm:NAME; without it: random from the seed")
    classes: str | None = Field(
        default=None, description="names of its classes in order: a text file of one a line, or imagenet-1k for timm's"
    )
    seed: int = Field(default=0, ge=0, le=MAX_SEED, description="of the random weights when there is no weights file")


#: Allowed sides of an image, in pixels.
LEAST_SIDE, MOST_SIDE = 32, 4096
#: Classes that a classifier may tell apart.
LEAST_CLASSES, MOST_CLASSES = 2, 10**6
#: Allowed size of a mean or a standard deviation, and least standard deviation, of values in [0, 1].
MOST_UNITS, LEAST_DEVIATION = 10, 1e-4

#: Of red, green and blue.
Triple = tuple[float, float, float]


class InputSection(Contract):
    """The image every artifact takes: RGB, values in [0, range]; mean and std are what the backbone wants of [0, 1].

    Size, mean and std default to the backbone's own, see ``backbones/trained_image.py``.
    """

    size: int | tuple[int, int] | None = Field(
        default=None, description="side in pixels, or [height, width]; default: the backbone's"
    )
    range: Literal[1, 255] = 255
    mean: Triple | None = Field(default=None, description="default: the backbone's")
    std: Triple | None = Field(default=None, description="default: the backbone's")

    @field_validator("size", mode="before")
    @classmethod
    def _pixels(cls, size: Any) -> Any:
        if size is None:
            return size
        sides = size if isinstance(size, list | tuple) else [size, size]
        if len(sides) != 2 or not all(type(side) is int and LEAST_SIDE <= side <= MOST_SIDE for side in sides):
            raise ValueError(f"must be a side in pixels, or [height, width], each from {LEAST_SIDE} to {MOST_SIDE}")
        return tuple(size) if isinstance(size, list) else size

    @field_validator("std")
    @classmethod
    def _positive(cls, std: Triple | None) -> Triple | None:
        if std is not None and min(std) < LEAST_DEVIATION:
            raise ValueError(f"every value must be {LEAST_DEVIATION} or more")
        return std

    @field_validator("mean", "std")
    @classmethod
    def _of_units(cls, values: Triple | None) -> Triple | None:
        if values is not None and max(map(abs, values)) > MOST_UNITS:
            raise ValueError("is of values in [0, 1]; divide what is of [0, 255] by 255")
        return values

    @property
    def height_width(self) -> tuple[int, int]:
        """Of the image in pixels, where it is known; see :attr:`complete`."""
        assert self.size is not None
        return (self.size, self.size) if isinstance(self.size, int) else self.size

    @property
    def normalization(self) -> tuple[Triple, Triple]:
        """Mean and standard deviation, where they are known."""
        assert self.mean is not None and self.std is not None
        return self.mean, self.std

    @property
    def complete(self) -> bool:
        """Whether nothing is left to the backbone."""
        return None not in (self.size, self.mean, self.std)

    def size_text(self) -> str:
        """The size as people write it."""
        height, width = self.height_width
        return f"{height}x{width}"


class WeightsSection(Contract):
    """The module's weights: a file (beside the recipe, or one that ships in ``mobile_robust/weights``), or a seed.

    A method that repairs the filters of a ranking takes it from ``ranking`` (a file of ``mobile_robust.rank``) where
    the weights do not bring one.
    """

    file: str | None = None
    ranking: str | None = None
    seed: int = Field(default=0, ge=0, le=MAX_SEED)


class ArtifactsSection(Contract):
    """Which files are made: targets and their precisions."""

    tflite: tuple[TfliteForm, ...] = cast(tuple[TfliteForm, ...], precisions_of("tflite"))
    coreml: tuple[CoremlForm, ...] = cast(tuple[CoremlForm, ...], precisions_of("coreml"))

    @model_validator(mode="after")
    def _not_empty(self) -> ArtifactsSection:
        if not self.tflite and not self.coreml:
            raise ValueError("at least one precision of one target is needed")
        return self

    def pairs(self) -> list[tuple[Target, Precision]]:
        """All (target, precision) pairs, TFLite first."""
        return [("tflite", p) for p in self.tflite] + [("coreml", p) for p in self.coreml]


class Tolerance(Contract):
    """What counts as equal. Every bound that is set must hold on every output.

    Attributes:
        max_error: Largest absolute error, as a fraction of the reference output's range (max - min).
        snr_db: Least signal-to-noise ratio in decibels.
        repair_snr_db: Least signal-to-noise ratio of the repair itself, that is of the output's difference to what came
            in, in decibels; 0 dB is a file that is no better than doing nothing (modules only).
        top1_agreement: Least fraction of images whose top-1 class equals the reference's (pipelines only).
    """

    max_error: float | None = Field(default=None, gt=0)
    snr_db: float | None = None
    repair_snr_db: float | None = None
    top1_agreement: float | None = Field(default=None, gt=0, le=1)

    @model_validator(mode="after")
    def _some_bound(self) -> Tolerance:
        if not self.model_dump(exclude_none=True):
            raise ValueError(f"one of {', '.join(type(self).model_fields)} is needed")
        return self


class QuantizationSection(Contract):
    """Static int8: how many images the ranges are read from, which float operations may stay, and the type outside."""

    calibration_images: int | None = Field(
        default=None,
        ge=1,
        le=MOST_IMAGES,
        description="null: 32, or more where it takes more until every corruption was there at every level",
    )
    corruptions: tuple[str, ...] = Field(
        default=("jpeg",),
        min_length=1,
        description="of every second calibration photo, in turn: names or families of the registry, NAME:LEVEL",
    )
    allow_float_ops: tuple[str, ...] = Field(default=(), description="TFLite op names, such as SOFTMAX")
    float_layers: tuple[str, ...] = Field(
        default=(), description="submodules of the deploy form, such as dwm, that stay float in an int8 file"
    )
    io: Literal["float32", "uint8"] = Field(default="float32", description="type of an int8 file's inputs and outputs")


class ParitySection(Contract):
    """How many images every artifact is compared on. Default: 4 for a module, 34 for a pipeline."""

    images: int | None = Field(default=None, ge=1, le=MOST_IMAGES)


class Recipe(Contract):
    """What is built. See the fields' descriptions, and ``conversion/`` for examples."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$",
        max_length=MOST_NAME,
        description="names folder and files; default: file name",
    )
    title: str = ""
    default: bool = Field(default=False, description="built when no recipe is named")
    method: str
    scope: Scope
    component: str | None = Field(default=None, description="of a module: what of it is built; default: all of it")
    options: dict[str, Any] = Field(default_factory=dict, description="the method's own options, such as variant")
    backbone: BackboneSection | None = Field(default=None, description="not needed by a module that repairs images")
    input: InputSection = Field(default_factory=InputSection)
    weights: WeightsSection = Field(default_factory=WeightsSection)
    artifacts: ArtifactsSection = Field(default_factory=ArtifactsSection)
    tolerances: dict[Precision, Tolerance] = Field(default_factory=dict)
    quantization: QuantizationSection = Field(default_factory=QuantizationSection)
    accelerators: tuple[Accelerator, ...] = Field(
        default=ACCELERATORS, min_length=1, description="what the files are for: a build skips the checks of others"
    )
    parity: ParitySection = Field(default_factory=ParitySection)

    @model_validator(mode="after")
    def _consistent(self) -> Recipe:
        if self.scope == "pipeline" and self.backbone is None:
            raise ValueError('scope "pipeline" needs a [backbone]')
        if self.scope == "pipeline" and self.component is not None:
            raise ValueError('component is for scope "module": a pipeline has all of them')
        return self

    def tolerance(self, precision: Precision) -> Tolerance:
        """The recipe's tolerance for a precision, or the default of its scope and of its backbone's weights."""
        random = self.scope == "pipeline" and self.backbone is not None and self.backbone.weights is None
        bounds = PRECISIONS[precision].bounds["random pipeline" if random else self.scope]
        return self.tolerances.get(precision) or Tolerance(**bounds)

    def with_backbone_weights(self, given: str) -> Recipe:
        """The recipe with other backbone weights: a file (relative to the working folder), or ``timm:NAME``; raises
        InputError where it has no backbone.
        """
        if self.backbone is None:
            raise InputError(f"--backbone-weights {given}: recipe {self.name} has no backbone")
        source = given if given.startswith("timm:") else os.path.realpath(given)
        return self.model_copy(update={"backbone": self.backbone.model_copy(update={"weights": source})})

    def with_weights(self, given: str | Path) -> Recipe:
        """The recipe with other weights of the module: a file, relative to the working folder."""
        return self.model_copy(update={"weights": self.weights.model_copy(update={"file": os.path.realpath(given)})})

    def with_ranking(self, path: Path) -> Recipe:
        """The recipe with another ranking of filters."""
        return self.model_copy(update={"weights": self.weights.model_copy(update={"ranking": str(path)})})

    def with_options(self, **options: Any) -> Recipe:
        """The recipe with some of its method's options changed."""
        return self.model_copy(update={"options": {**self.options, **options}})

    @property
    def parity_images(self) -> int:
        """Number of images each artifact is compared on."""
        return self.parity.images or (4 if self.scope == "module" else 34)
