"""What a kind of file brings: a converter, in a module of its name beside this one, called ``CONVERTER`` there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from os import PathLike
from pathlib import Path

from torch import nn

from mobile_robust.contracts.manifest import Quantization, Tensor
from mobile_robust.contracts.precisions import PrecisionSpec
from mobile_robust.contracts.recipe import Recipe
from mobile_robust.contracts.targets import Target, TargetSpec
from mobile_robust.contracts.tensors import TensorSpec
from mobile_robust.export.calibration import Calibration


@dataclass(frozen=True)
class Source:
    """What all files of a build have in common."""

    recipe: Recipe
    tensors: Mapping[str, TensorSpec]  # inputs and output by name, in the order of the network's arguments
    output: str
    facts: Mapping[str, str]  # where the numbers come from, for the files' own metadata; "version": this package's
    calibration: Calibration
    classes: tuple[str, ...] = ()  # names, in the order of the output; (): not known


@dataclass(frozen=True)
class Converted:
    """A file that was written, as an app sees it."""

    file: PathLike[str]  # its path, or what was read from it, which stands for the path
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    operations: dict[str, int]  # name -> count, most frequent first


class Converter(ABC):
    """Converts the network of a build to one kind of file."""

    spec: TargetSpec

    def __init__(self, source: Source) -> None:
        self.source = source

    @abstractmethod
    def convert(self, network: nn.Module, precision: PrecisionSpec, path: Path) -> Converted:
        """Writes one file.

        Args:
            network: Deploy form in eval mode, NCHW, its weights already rounded for the precision.
            precision: Of weights and computation.
            path: File or folder to write.

        Raises:
            InputError: The converter cannot take the network, or not in this precision.
        """

    @abstractmethod
    def inspect(self, path: PathLike[str]) -> Converted:
        """Describes a file that was written."""

    def tensor(self, name: str, shape: tuple[int, ...], dtype: str, quantization: Quantization | None = None) -> Tensor:
        """The manifest's entry of an input or output."""
        layout = self.spec.layout if len(shape) == 4 else "NC"
        known = vars(self.source.tensors[name])
        return Tensor(**known, shape=shape, dtype=dtype, layout=layout, quantization=quantization)


def converter(target: Target) -> type[Converter]:
    """The converter of a kind of file; imports its tools."""
    found: type[Converter] = import_module(f"{__package__}.{target}").CONVERTER
    return found
