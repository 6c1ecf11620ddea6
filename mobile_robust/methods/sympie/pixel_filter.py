"""SyMPIE's repair as a camera app computes it: what a GPU shader needs of the 37 numbers, and what the shader gives.

An app lets ``sympie_nem`` look at every n-th frame only, and repairs each frame on its way to the screen or to the
classifier, in the colours of the frame itself, without the tensors in between (docs/camera.md has the shader).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mobile_robust.errors import InputError
from mobile_robust.layers.dynamic_filter import TAPS
from mobile_robust.methods.sympie.network import MEAN, NUMBERS, STD


@dataclass(frozen=True)
class PixelFilter:
    """repaired = matrix @ (filtered frame) + (sum of the taps inside the frame) * offset + rise; RGB in [0, 1].

    Attributes:
        kernel: 5x5, correlated with each colour; outside of the frame there is nothing.
        matrix: 3x3, row = repaired colour, column = colour of the frame.
        offset: Of three colours.
        rise: Likewise; ImageNet's mean.
    """

    kernel: NDArray[np.float64]
    matrix: NDArray[np.float64]
    offset: NDArray[np.float64]
    rise: NDArray[np.float64]

    @classmethod
    def of(cls, numbers: ArrayLike) -> PixelFilter:
        """The numbers (37,) as ``sympie_nem`` gives them: 9 of the colour matrix (row = input colour), 3 of the shift,
        25 of the filter, all for the standardized image.

        Raises:
            InputError: Other than 37 finite numbers.
        """
        given = np.asarray(numbers, np.float64).ravel()
        if given.shape != (NUMBERS,) or not np.isfinite(given).all():
            raise InputError(f"numbers of a repair: {NUMBERS} finite ones are needed, got {given.size}")
        colours, shift, kernel = np.split(given, (9, 12))
        matrix, mean, std = colours.reshape(3, 3).T, np.array(MEAN), np.array(STD)
        return cls(
            kernel.reshape(TAPS, TAPS),
            matrix * std[:, None] / std,
            std * (matrix @ (shift - mean / std)),
            mean,
        )

    def __call__(self, frame: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Frame (H, W, 3), RGB -> repaired frame, values in [0, 1]: tap by tap, as the shader does."""
        height, width = frame.shape[:2]
        margin = TAPS // 2
        inside = np.pad(np.ones((height, width, 1)), ((margin, margin), (margin, margin), (0, 0)))
        padded = np.pad(frame / 255, ((margin, margin), (margin, margin), (0, 0)))
        colours, weight = np.zeros((height, width, 3)), np.zeros((height, width, 1))
        for (y, x), tap in np.ndenumerate(self.kernel):
            colours += tap * padded[y : y + height, x : x + width]
            weight += tap * inside[y : y + height, x : x + width]
        return np.clip(colours @ self.matrix.T + weight * self.offset + self.rise, 0, 1)
