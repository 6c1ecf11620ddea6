"""The PyTorch side of a proof, stored beside the artifacts: inputs, and what the training form made of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from mobile_robust.contracts.manifest import Layout
from mobile_robust.errors import InputError
from mobile_robust.files import write_atomically
from mobile_robust.parity.runtimes.base import Arrays

REFERENCE_NAME = "reference.safetensors"


@dataclass(frozen=True)
class Reference:
    """N inferences of the training form, channels first.

    Attributes:
        images: (N, 3, H, W) uint8; the artifacts get them times ``image_scale``.
        image_scale: 1 for images in [0, 255], 1/255 for [0, 1].
        others: The other inputs by name, (N, …) float32, in the order of the network's arguments.
        output: Name of the output.
        expected: (N, …) float32.
    """

    images: NDArray[np.uint8]
    image_scale: float
    others: dict[str, NDArray[np.float32]]
    output: str
    expected: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.images)

    def inputs(self, index: int, layout: Layout) -> Arrays:
        """The inputs of one inference, batch 1, as an artifact of this layout takes them."""
        image = self.images[index : index + 1].astype(np.float32) * np.float32(self.image_scale)
        arrays = {"image": image, **{name: x[index : index + 1] for name, x in self.others.items()}}
        if layout == "NCHW":
            return arrays
        return {name: np.ascontiguousarray(x.transpose(0, 2, 3, 1)) for name, x in arrays.items()}

    def save(self, folder: Path) -> Path:
        """Writes ``folder/reference.safetensors`` atomically and returns its path."""
        arrays = {"input.image": self.images, f"output.{self.output}": self.expected}
        arrays |= {f"input.{name}": x for name, x in self.others.items()}
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
        (output,) = [name.removeprefix("output.") for name in arrays if name.startswith("output.")]
        images = arrays.pop("input.image")
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise InputError(f"{path}: not a stored reference: {error}") from None
    others = {name.removeprefix("input."): x for name, x in arrays.items() if name.startswith("input.")}
    return Reference(images, image_scale, others, output, arrays[f"output.{output}"])


def channels_first(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """An artifact's output, (1, H, W, C) or (1, classes), as PyTorch lays it out."""
    return array.transpose(0, 3, 1, 2) if array.ndim == 4 else array
