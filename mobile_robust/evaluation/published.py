"""What the papers report for the methods, to be seen beside what is measured here.

Their networks, photos and training differ from ours, so only the share of the loss that is recovered compares.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mobile_robust.methods.method import Published
from mobile_robust.methods.registry import methods


def published(method: str, corruption: str, levels: Sequence[float], small: bool) -> Published | None:
    """The paper's figures, where it has them at all these levels; where it has those of two data sets, those of CIFAR
    for ``small`` photos and of ImageNet for others."""
    known = methods()[method].published if method in methods() else ()
    fitting = [figures for figures in known if figures.corruption == corruption and figures.at(levels)]
    return min(fitting, key=lambda p: ("CIFAR" in p.network) != small, default=None)


def summary(method: str, levels: Mapping[str, Sequence[float]], small: bool) -> tuple[float, float] | None:
    """(top-1 with the method, loss recovered) in the paper, both in %: the mean of its corruptions, from their means.

    ``levels`` are those of each corruption; the paper must have figures for all of them.
    """
    found = [published(method, corruption, at, small) for corruption, at in levels.items()]
    pairs = [p.at(at) for p, at in zip(found, levels.values(), strict=True) if p]
    if not pairs or len(pairs) < len(levels):
        return None
    direct, repaired = (sum(figures) / len(pairs) for figures in zip(*[pair for pair in pairs if pair], strict=True))
    clean = sum(p.clean for p in found if p) / len(pairs)
    return repaired, 100 * (repaired - direct) / (clean - direct)
