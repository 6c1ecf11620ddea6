"""Which photos are held out for the evaluation; whatever learns from photos takes the others.

One folder and two numbers say it for every command, so that nothing can be scored on what it was trained on.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mobile_robust.errors import InputError


def add_holdout(
    parser: ArgumentParser,
    says: str = "never touch the photos that evaluate --holdout FRACTION scores",
    required: bool = False,
) -> None:
    """The options that part the photos, with what they do here; as it stands for a command that must not see the test
    part."""
    parser.add_argument("--holdout", type=float, required=required, metavar="FRACTION", help=says)
    parser.add_argument("--holdout-seed", type=int, default=0, metavar="SEED", help="default: 0")


def check_holdout(options: Namespace, most: str = "less than 1") -> None:
    """Raises InputError for a fraction or a seed that is not allowed; ``most``: "less than 1" or "at most 1"."""
    fraction: float | None = options.holdout
    if fraction is not None and not (0 < fraction < 1 or (most == "at most 1" and fraction == 1)):
        raise InputError(f"--holdout {fraction:g}: allowed are fractions greater than 0 and {most}")
    if options.holdout_seed < 0:
        raise InputError(f"--holdout-seed {options.holdout_seed}: must be 0 or more")


def hold_out(paths: Sequence[Path], fraction: float, seed: int) -> list[Path]:
    """The last ``fraction`` of the images after ``numpy.random.default_rng(seed).permutation``: the test part."""
    order = np.random.default_rng(seed).permutation(len(paths))
    return [paths[i] for i in order[len(paths) - round(len(paths) * fraction) :]]


def training_part(paths: Sequence[Path], fraction: float | None, seed: int) -> list[Path]:
    """All images but those that are held out, in the order given; all of them where ``fraction`` is None.

    Raises:
        InputError: None is left.
    """
    if fraction is None:
        return list(paths)
    held = set(hold_out(paths, fraction, seed))
    left = [path for path in paths if path not in held]
    if not left:
        raise InputError(f"--holdout {fraction:g}: of {len(paths)} images that leaves none")
    return left
