"""The PyTorch side of a parity check, stored beside the artifacts: inputs, and the training form's outputs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from mobile_robust.contracts.manifest import Layout, Manifest, Tensor
from mobile_robust.contracts.tensors import Role, TensorSpec
from mobile_robust.data.image_spec import scaled
from mobile_robust.errors import InputError
from mobile_robust.files import write_atomically
from mobile_robust.runtimes.base import Arrays

REFERENCE_NAME = "reference.safetensors"


#: What a tensor is, as a converter or a manifest says it.
Described = TensorSpec | Tensor


@dataclass(frozen=True)
class Reference:
    """N inferences of the training form, channels first."""

    #: In the order of the network's arguments.
    inputs: tuple[Described, ...]
    #: Their values by name, (N, …): uint8 photos where the role is IMAGE, float32 otherwise.
    arrays: dict[str, NDArray[np.uint8] | NDArray[np.float32]]
    #: What photos are multiplied with: 1 for images in [0, 255], 1/255 for [0, 1].
    image_scale: float
    output: Described
    #: Values of the output, (N, …) float32.
    expected: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.expected)

    @property
    def of_classifier(self) -> bool:
        """Whether the output is class scores."""
        return self.output.role is Role.LOGITS

    def arguments(self, index: int) -> tuple[NDArray[np.float32], ...]:
        """The network's arguments of one inference, batch 1."""
        return tuple(self._values(spec.name, index, index + 1) for spec in self.inputs)

    def inputs_of(self, tensors: Iterable[Tensor], index: int) -> Arrays:
        """One inference as an artifact with these inputs takes it. Raises KeyError for an input of another name."""
        return {t.name: _laid_out(self._values(t.name, index, index + 1), t.layout) for t in tensors}

    def first(self, count: int) -> Reference:
        """The first inferences only."""
        arrays = {name: x[:count] for name, x in self.arrays.items()}
        return replace(self, arrays=arrays, expected=self.expected[:count])

    def unrepaired(self, count: int) -> NDArray[np.float32] | None:
        """The input that the output is a repaired version of, of the first inferences; None where there is none."""
        return None if self.output.repairs is None else self._values(self.output.repairs, 0, count)

    def _values(self, name: str, start: int, stop: int) -> NDArray[np.float32]:
        image = any(spec.name == name and spec.role is Role.IMAGE for spec in self.inputs)
        return scaled(self.arrays[name][start:stop], self.image_scale if image else 1)

    def save(self, folder: Path) -> Path:
        """Writes ``folder/reference.safetensors`` atomically and returns its path."""
        # safetensors keeps no order, so the names carry it.
        arrays = {f"input.{i}.{spec.name}": self.arrays[spec.name] for i, spec in enumerate(self.inputs)}
        arrays[f"output.{self.output.name}"] = self.expected
        path = folder / REFERENCE_NAME
        write_atomically(path, save({name: np.ascontiguousarray(x) for name, x in arrays.items()}))
        return path


def load_reference(folder: Path, manifest: Manifest) -> Reference:
    """Reads what :meth:`Reference.save` wrote into a build's folder; the manifest says what each tensor is.

    Raises:
        InputError: The file cannot be read or is not such a file.
    """
    path = folder / manifest.reference.file
    known = {t.name: t for artifact in manifest.artifacts for t in (*artifact.inputs, *artifact.outputs)}
    try:
        arrays = load_file(path)
        inputs = {name.split(".", 2)[2]: x for name, x in sorted(arrays.items()) if name.startswith("input.")}
        (output,) = [known[name.removeprefix("output.")] for name in arrays if name.startswith("output.")]
        specs = tuple(known[name] for name in inputs)
    except KeyError as error:
        raise InputError(f"{path}: not a stored reference: no artifact has a tensor {error}") from None
    except (SafetensorError, OSError, ValueError, IndexError, TypeError, AttributeError) as error:
        # the last two: of a type that NumPy lacks, such as bfloat16
        raise InputError(f"{path}: not a stored reference: {error}") from None
    expected = arrays[f"output.{output.name}"]
    for spec, x in [*zip(specs, inputs.values(), strict=True), (output, expected)]:
        needed = np.uint8 if spec.role is Role.IMAGE and x is not expected else np.float32
        if x.dtype != needed:
            raise InputError(f"{path}: not a stored reference: {spec.name} is {x.dtype}; must be {np.dtype(needed)}")
    if not inputs:
        raise InputError(f"{path}: not a stored reference: it holds no inputs")
    counts = {name: x.shape[0] if x.ndim else 0 for name, x in arrays.items()}
    if len(set(counts.values())) > 1 or 0 in counts.values():
        found = ", ".join(f"{count} of {name}" for name, count in counts.items())
        raise InputError(f"{path}: not a stored reference: it holds {found}; needed is one of each for every photo")
    scale = manifest.recipe.input.range / 255
    return Reference(specs, inputs, scale, output, expected)


def channels_first(array: NDArray[np.float32], layout: Layout) -> NDArray[np.float32]:
    """An artifact's output of some layout as PyTorch lays it out."""
    return array.transpose(0, 3, 1, 2) if layout == "NHWC" else array


def _laid_out(values: NDArray[np.float32], layout: Layout) -> NDArray[np.float32]:
    return np.ascontiguousarray(values.transpose(0, 2, 3, 1)) if layout == "NHWC" else values
