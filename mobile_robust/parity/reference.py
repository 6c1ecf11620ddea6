"""The PyTorch side of a proof, stored beside the artifacts: inputs, and what the training form made of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from mobile_robust.contracts.manifest import Layout
from mobile_robust.data.image_spec import scaled
from mobile_robust.errors import InputError
from mobile_robust.files import write_atomically
from mobile_robust.runtimes.base import Arrays

REFERENCE_NAME = "reference.safetensors"


@dataclass(frozen=True)
class Reference:
    """N inferences of the training form, channels first.

    Attributes:
        arrays: The inputs by name, (N, …), in the order of the network's arguments: uint8 for photos, float32 else.
        image_scale: What photos are multiplied with: 1 for images in [0, 255], 1/255 for [0, 1].
        output: Name of the output.
        expected: (N, …) float32.
    """

    arrays: dict[str, NDArray[np.uint8] | NDArray[np.float32]]
    image_scale: float
    output: str
    expected: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.expected)

    def inputs(self, index: int, layout: Layout) -> Arrays:
        """The inputs of one inference, batch 1, as an artifact of this layout takes them."""
        return {name: self._input(x[index : index + 1], layout) for name, x in self.arrays.items()}

    def _input(self, x: NDArray[np.uint8] | NDArray[np.float32], layout: Layout) -> NDArray[np.float32]:
        values = scaled(x, self.image_scale if x.dtype == np.uint8 else 1)
        return np.ascontiguousarray(values.transpose(0, 2, 3, 1)) if layout == "NHWC" and x.ndim == 4 else values

    def first(self, count: int) -> Reference:
        """Of the first inferences only."""
        return replace(
            self, arrays={name: x[:count] for name, x in self.arrays.items()}, expected=self.expected[:count]
        )

    def unrepaired(self, count: int) -> NDArray[np.float32] | None:
        """What came in, of the first inferences, where the output is the same repaired: the input of its shape."""
        alike = [x for x in self.arrays.values() if x.shape == self.expected.shape]
        if self.output != "repaired" or not alike:
            return None
        return self._input(alike[-1][:count], "NCHW")

    def save(self, folder: Path) -> Path:
        """Writes ``folder/reference.safetensors`` atomically and returns its path."""
        # safetensors keeps no order, so the names carry it.
        arrays = {f"input.{i}.{name}": x for i, (name, x) in enumerate(self.arrays.items())}
        arrays[f"output.{self.output}"] = self.expected
        path = folder / REFERENCE_NAME
        write_atomically(path, save({name: np.ascontiguousarray(x) for name, x in arrays.items()}))
        return path


def load_reference(path: Path, image_scale: float) -> Reference:
    """Reads what :meth:`Reference.save` wrote.

    Raises:
        InputError: The file cannot be read or is not such a file.
    """
    try:
        arrays = load_file(path)
        inputs = {name.split(".", 2)[2]: x for name, x in sorted(arrays.items()) if name.startswith("input.")}
        (output,) = [name.removeprefix("output.") for name in arrays if name.startswith("output.")]
    except (SafetensorError, OSError, ValueError, IndexError) as error:
        raise InputError(f"{path}: not a stored reference: {error}") from None
    if not inputs:
        raise InputError(f"{path}: not a stored reference: it holds no inputs")
    return Reference(inputs, image_scale, output, arrays[f"output.{output}"])


def channels_first(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """An artifact's output, (1, H, W, C) or (1, classes), as PyTorch lays it out."""
    return array.transpose(0, 3, 1, 2) if array.ndim == 4 else array
