"""What the papers report for the methods, to be seen beside what is measured here. Figures only, each with its place.

Their networks, photos and training differ from ours, so only how much of the loss comes back compares.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """A paper's top-1 in % under one corruption.

    Attributes:
        method: As in recipes.
        network: The network and data set the figures are of.
        source: Where in which paper.
        corruption: As in the registry.
        levels: Of the corruption.
        clean: The backbone alone on clean photos.
        direct: The backbone alone, one figure a level, or one that is the mean of all levels.
        repaired: With the method, likewise.
    """

    method: str
    network: str
    source: str
    corruption: str
    levels: tuple[float, ...]
    clean: float
    direct: tuple[float, ...]
    repaired: tuple[float, ...]

    def at(self, levels: Sequence[float]) -> tuple[float, float] | None:
        """(direct, repaired) on average over these levels; None where the paper does not say."""
        if len(self.direct) == 1 < len(self.levels):
            return (self.direct[0], self.repaired[0]) if set(levels) == set(self.levels) else None
        if not set(levels) <= set(self.levels):
            return None
        indices = [self.levels.index(level) for level in levels]
        direct, repaired = (sum(values[i] for i in indices) / len(indices) for values in (self.direct, self.repaired))
        return direct, repaired


_AFD = "ResNet-50, ImageNet"
#: Table X prints the clean accuracy as 76.04, the text of section IV-D as 76.14.
_AFD_CLEAN = 76.04
_SYMPIE = "ResNet-50 (V2), ImageNet-C"
_SEVERITIES = (1, 2, 3, 4, 5)
_QUALITIES = (25, 18, 15, 10, 7)

#: SyMPIE, Table 2, first two rows: corruption -> (without, with), means over the five severities.
_TABLE_2 = {
    "defocus_blur": (43.6, 44.1),
    "glass_blur": (29.7, 36.0),
    "motion_blur": (43.2, 61.2),
    "zoom_blur": (42.9, 46.8),
    "contrast": (60.0, 61.8),
    "elastic_transform": (48.8, 51.4),
    "jpeg_compression": (61.4, 61.7),
    "pixelate": (53.0, 61.1),
    "gaussian_noise": (42.2, 43.6),
    "impulse_noise": (37.2, 39.0),
    "shot_noise": (40.5, 42.0),
    "brightness": (72.6, 72.0),
    "fog": (59.5, 62.1),
    "frost": (47.0, 49.7),
    "snow": (41.2, 51.0),
}

PUBLISHED = (
    Published(
        "afd",
        _AFD,
        "AFD-Module, Table V; clean: Table X",
        "jpeg",
        _QUALITIES,
        _AFD_CLEAN,
        (66.16, 62.47, 59.28, 47.50, 31.65),
        (67.10, 64.79, 62.91, 57.24, 49.02),
    ),
    Published(
        "afd",
        _AFD,
        "AFD-Module, Table VI; clean: Table X",
        "jpeg_repeated",
        _SEVERITIES,
        _AFD_CLEAN,
        (53.33, 45.44, 40.31, 36.59, 34.19),
        (59.58, 54.85, 51.70, 49.41, 47.51),
    ),
    Published(
        "afd",
        _AFD,
        "AFD-Module, Table IX; clean: Table X",
        "avif",
        _QUALITIES,
        _AFD_CLEAN,
        (64.18, 60.51, 57.38, 53.09, 47.42),
        (65.67, 63.79, 60.87, 57.93, 53.32),
    ),
    *(
        Published("sympie", _SYMPIE, "SyMPIE, Table 2", name, _SEVERITIES, 80.7, (without,), (repaired,))
        for name, (without, repaired) in _TABLE_2.items()
    ),
    Published(
        "sympie",
        "ResNet-50 (V2), ImageNetC-mixed",
        "SyMPIE, Table 3; clean: Table 2",
        "imagenetc_mixed",
        _SEVERITIES,
        80.7,
        (38.2,),
        (41.0,),
    ),
    Published(
        "deepcorrect",
        "Deepcorr-6, CIFAR-100",
        "DeepCorrect, Table 3",
        "gaussian_blur",
        (0.5, 1, 1.5, 2, 2.5, 3),
        70.28,
        (64.02, 22.12, 8.06, 4.40, 3.40, 2.90),
        (68.71, 65.48, 61.16, 56.38, 51.28, 44.05),
    ),
    Published(
        "deepcorrect",
        "Deepcorr-6, CIFAR-100",
        "DeepCorrect, Table 4",
        "awgn",
        (5, 10, 15, 20, 25, 30),
        70.28,
        (61.84, 38.62, 22.39, 13.24, 8.29, 5.69),
        (69.03, 67.69, 64.96, 62.77, 59.86, 56.79),
    ),
    Published(
        "deepcorrect",
        "Deepcorr-5-bottleneck, ImageNet",
        "DeepCorrect, Tables 7 and 11",
        "gaussian_blur",
        (1, 2, 3, 4, 5, 6),
        56.94,
        (44.56, 29.34, 15.85, 7.86, 4.27, 2.56),
        (55.04, 52.32, 50.70, 48.56, 45.60, 42.33),
    ),
    Published(
        "deepcorrect",
        "Deepcorr-5-bottleneck, ImageNet",
        "DeepCorrect, Tables 8 and 12",
        "awgn",
        (10, 20, 40, 60, 80, 100),
        56.94,
        (52.18, 37.42, 12.56, 4.38, 1.90, 0.90),
        (56.49, 55.13, 51.91, 48.43, 44.56, 40.85),
    ),
)


def published(method: str, corruption: str, levels: Sequence[float], small: bool) -> Published | None:
    """The paper's figures at these levels; where it has those of two data sets, those of the photos' size.

    Args:
        method: As in recipes.
        corruption: As in the registry.
        levels: All of them must be the paper's.
        small: The photos are as small as CIFAR's.
    """
    fitting = [p for p in PUBLISHED if (p.method, p.corruption) == (method, corruption) and p.at(levels)]
    return min(fitting, key=lambda p: ("CIFAR" in p.network) != small, default=None)


def summary(method: str, levels: Mapping[str, Sequence[float]], small: bool) -> tuple[float, float] | None:
    """(top-1 with the method, loss regained) in the paper, both in %: the mean of its corruptions, from their means.

    Args:
        method: As in recipes.
        levels: Corruption -> its levels; the paper must have figures for all of them.
        small: See :func:`published`.
    """
    found = [published(method, corruption, at, small) for corruption, at in levels.items()]
    pairs = [p.at(at) for p, at in zip(found, levels.values(), strict=True) if p]
    if not pairs or len(pairs) < len(levels):
        return None
    direct, repaired = (sum(figures) / len(pairs) for figures in zip(*[pair for pair in pairs if pair], strict=True))
    clean = sum(p.clean for p in found if p) / len(pairs)
    return repaired, 100 * (repaired - direct) / (clean - direct)
