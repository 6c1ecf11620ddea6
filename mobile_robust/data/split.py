"""Which photos are held out for testing; whatever learns from photos takes the others."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mobile_robust.data.content import content_hashes
from mobile_robust.data.storage import PhotoPath
from mobile_robust.errors import InputError

Rule = Literal["content", "position"]


def draws(paths: Sequence[PhotoPath], seed: str) -> list[float]:
    """Each photo's own number in [0, 1), whatever its name."""
    digests = [hashlib.sha256(f"{seed} {content}".encode()).digest() for content in content_hashes(paths)]
    return [int.from_bytes(digest[:6], "big") / 2**48 for digest in digests]


@dataclass(frozen=True)
class Split:
    """A random split of photos, the same one for every command that is given the same options.

    By "content" a photo is held out where a hash of its file and of the seed falls into the first ``fraction``, in
    (0, 1]: whatever else lies in the folder, it stays on its side, and so do its copies. By "position", the rule of the
    first tables, the test photos are the last ``fraction`` after ``numpy.random.default_rng(seed).permutation``: one
    file more, and others are held out.

    Raises:
        InputError: Another fraction, or a negative seed.
    """

    fraction: float
    seed: int = 0
    by: Rule = "content"

    def __post_init__(self) -> None:
        if not 0 < self.fraction <= 1:
            raise InputError(f"--holdout {self.fraction:g}: allowed are fractions greater than 0 and at most 1")
        if self.seed < 0:
            raise InputError(f"--holdout-seed {self.seed}: must be 0 or more")

    def __str__(self) -> str:
        """The command-line options that name this split."""
        rule = "" if self.by == "content" else f" --holdout-by {self.by}"
        return f"--holdout {self.fraction:.15g} --holdout-seed {self.seed}{rule}"

    def test(self, paths: Sequence[PhotoPath]) -> list[PhotoPath]:
        """The photos that are held out, in the order given (by position in that of the permutation); InputError: there
        is none."""
        return self._some(self._held_out(paths), paths)

    def train(self, paths: Sequence[PhotoPath]) -> list[PhotoPath]:
        """The other photos, in the order given; InputError: there is none."""
        held_out = set(self._held_out(paths))
        return self._some([path for path in paths if path not in held_out], paths)

    def _held_out(self, paths: Sequence[PhotoPath]) -> list[PhotoPath]:
        if self.by == "content":
            drawn = zip(paths, draws(paths, str(self.seed)), strict=True)
            return [path for path, own in drawn if own < self.fraction]
        order = np.random.default_rng(self.seed).permutation(len(paths))
        return [paths[i] for i in order[len(paths) - round(len(paths) * self.fraction) :]]

    def _some(self, chosen: list[PhotoPath], paths: Sequence[PhotoPath]) -> list[PhotoPath]:
        if not chosen:
            raise InputError(f"--holdout {self.fraction:g}: of {len(paths)} images that leaves none")
        return chosen
