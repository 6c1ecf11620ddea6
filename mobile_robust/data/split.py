"""Which photos are held out for testing; whatever learns from photos takes the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mobile_robust.errors import InputError


@dataclass(frozen=True)
class Split:
    """A random split of a folder's photos, the same one for every command that is given both numbers.

    The test photos are the last ``fraction``, in (0, 1], after ``numpy.random.default_rng(seed).permutation``.

    Raises:
        InputError: Another fraction, or a negative seed.
    """

    fraction: float
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.fraction <= 1:
            raise InputError(f"--holdout {self.fraction:g}: allowed are fractions greater than 0 and at most 1")
        if self.seed < 0:
            raise InputError(f"--holdout-seed {self.seed}: must be 0 or more")

    def __str__(self) -> str:
        """The command-line options that name this split."""
        return f"--holdout {self.fraction:g} --holdout-seed {self.seed}"

    def test(self, paths: Sequence[Path]) -> list[Path]:
        """The photos that are held out, in the order of the permutation; InputError: there is none."""
        order = np.random.default_rng(self.seed).permutation(len(paths))
        return self._some([paths[i] for i in order[len(paths) - round(len(paths) * self.fraction) :]], paths)

    def train(self, paths: Sequence[Path]) -> list[Path]:
        """The other photos, in the order given; InputError: there is none."""
        if not round(len(paths) * self.fraction):
            return list(paths)
        held_out = set(self.test(paths))
        return self._some([path for path in paths if path not in held_out], paths)

    def _some(self, chosen: list[Path], paths: Sequence[Path]) -> list[Path]:
        if not chosen:
            raise InputError(f"--holdout {self.fraction:g}: of {len(paths)} images that leaves none")
        return chosen
