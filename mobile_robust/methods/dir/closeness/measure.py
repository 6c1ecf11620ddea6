"""How little representations depend on what was done to the photo, and how near the refined one is to the clean one
(what DiR claims in sections 3.1 and 3.3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mobile_robust.corruptions import corrupt
from mobile_robust.data.image_spec import ImageSpec
from mobile_robust.data.images import Photo, centre_crop
from mobile_robust.errors import InputError
from mobile_robust.methods.dir.closeness.probe import probe, summary
from mobile_robust.methods.dir.network import DiR
from mobile_robust.reporting.intervals import Interval, resampled_means

#: Of fewer photos nothing could be said.
LEAST_PHOTOS = 10
#: Halves of the photos, one of which the probe learns from while it is tried on the other.
_FOLDS = 2


@dataclass(frozen=True)
class Closeness:
    """Of one representation, over photos.

    Attributes:
        same: Euclidean distance between two degraded copies of one photo, of that between copies of two photos.
        off: Mean absolute difference to the clean photo's reference representation, r*, of that between those of two
            photos: 1 is no nearer than another photo's.
        probe: How often a linear classifier tells the kind of degradation of photos that it did not learn from; None
            where there is only one.
    """

    same: Interval
    off: Interval
    probe: Interval | None


class _Seen(NamedTuple):
    """One representation of a photo: (1, C, h, w) each."""

    reference: Tensor  # of the clean photo
    one: Tensor  # of a degraded copy
    other: Tensor


def measure(
    module: DiR,
    photos: Iterable[tuple[int, Photo]],
    image: ImageSpec,
    degradations: Sequence[tuple[str, float]],
    seed: int,
) -> tuple[dict[str, Closeness], float]:
    """Figures of the degraded photo itself ("photo"), DiRNet's representation ("baseline"), DfRNet's ("pilot") and,
    where the module aligns, the "refined" one; and how often the probe would be right if it always said the most
    frequent kind.

    Args:
        module: In eval mode.
        photos: Index and photo, uint8 of any size.
        image: What the module takes.
        degradations: Corruption and level; two are drawn for every photo, as the training does. Kinds are corruptions.
        seed: Of the draws, together with the index.

    Raises:
        InputError: Fewer than :data:`LEAST_PHOTOS` photos.
    """
    names = list(dict.fromkeys(name for name, _ in degradations))
    kinds: list[int] = []
    summaries: dict[str, list[Tensor]] = {}
    rows: dict[str, list[list[float]]] = {}
    first: Mapping[str, _Seen] | None = None
    previous: Mapping[str, _Seen] = {}
    for index, photo in photos:
        clean, random = centre_crop(photo, image.size), np.random.default_rng((seed, index))
        drawn = [degradations[i] for i in random.integers(len(degradations), size=2)]
        copies = [corrupt(clean, name, level, int(random.integers(2**31)), 0) for name, level in drawn]
        current = _look(module, image.tensor(torch.from_numpy(np.stack([clean, *copies]))))
        kinds += [names.index(name) for name, _ in drawn]
        for name, seen in current.items():
            summaries.setdefault(name, []).append(summary(torch.cat([seen.one, seen.other])))
        _compare(rows, previous, current)
        first, previous = first or current, current
    if len(kinds) < 2 * LEAST_PHOTOS:
        raise InputError(f"--images: {len(kinds) // 2} photos are too few; give {LEAST_PHOTOS} or more")
    _compare(rows, previous, first or {})  # each is compared with the one before it, the first with the last
    labels, folds = torch.tensor(kinds), torch.arange(len(kinds)) // 2 % _FOLDS
    found = {}
    for name, distances in rows.items():
        same, different, off, apart = np.array(distances).T
        right = probe(torch.cat(summaries[name]), labels, folds).double().reshape(-1, 2).mean(1).numpy()
        told = Interval.of(right.mean(), resampled_means(right[None])[:, 0]) if len(names) > 1 else None
        found[name] = Closeness(_share(same, different), _share(off, apart), told)
    return found, float(labels.bincount().max()) / len(labels)


@torch.no_grad()
def _look(module: DiR, images: Tensor) -> dict[str, _Seen]:
    """The representations of (clean, copy, other copy), (3, 3, H, W)."""
    centred = module.centred(images)
    found, pilot = module.representation(centred), module.representation.dfrnet(centred)[0]
    reference = pilot[:1]
    looked = {"baseline": found.baseline, "pilot": pilot}
    if module.representation.alignment is not None:
        looked["refined"] = found.refined
    clean, *copies = images.split(1)
    return {
        "photo": _Seen(clean, *copies),
        **{name: _Seen(reference, *x[1:].split(1)) for name, x in looked.items()},
    }


def _compare(rows: dict[str, list[list[float]]], before: Mapping[str, _Seen], now: Mapping[str, _Seen]) -> None:
    """Adds a photo's distances, and those to the photo before it, where there is one."""
    for name in before:
        other, seen = before[name], now[name]
        off = (_mean(seen.one, seen.reference) + _mean(seen.other, seen.reference)) / 2
        same, different = _length(seen.one, seen.other), _length(other.one, seen.other)
        rows.setdefault(name, []).append([same, different, off, _mean(other.reference, seen.reference)])


def _length(x: Tensor, y: Tensor) -> float:
    return float((x - y).norm())


def _mean(x: Tensor, y: Tensor) -> float:
    return float((x - y).abs().mean())


def _share(some: np.ndarray, of: np.ndarray) -> Interval:
    """Mean of some as a fraction of the mean of others, (photos,) each."""
    samples = resampled_means(np.stack([some, of]) / of.mean())
    return Interval.of(some.mean() / of.mean(), samples[:, 0] / samples[:, 1])
