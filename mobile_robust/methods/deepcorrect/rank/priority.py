"""Algorithm 1 of DeepCorrect (Borkar & Karam, IEEE TIP 2019, section 4.1), one batch of photos at a time.

For every filter: how many corrupted photos the network classifies correctly when this filter's map, and no other, is
that of the clean photo. The layers before it are computed once a batch, those behind it once a filter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from pydantic import BaseModel
from torch import Tensor, nn

from mobile_robust.backbones.split import prefix_suffix
from mobile_robust.corruptions import corrupt
from mobile_robust.data.images import Photo

#: Photos in memory at a time, and how many of their swapped copies go through the rest of the network together. On a
#: CPU 2 copies are as fast as 1, and 8 half as slow again: their maps no longer fit its caches.
PHOTOS, COPIES = 16, 2


@dataclass(frozen=True)
class RankingSetup:
    """What is ranked, and on what."""

    network: nn.Module  # the classifier, in eval mode
    name: str
    layers: dict[str, int]  # number of its filters
    photos: Callable[[int, int], list[Photo]]  # from one index up to another
    count: int
    labels: Sequence[int] | None  # None: the network's predictions for the clean photos
    prepare: Callable[[list[Photo]], Tensor]  # photos -> what the network takes, (B, 3, H, W)
    corruption: str
    levels: tuple[float, ...]  # every photo counts once a level
    seed: int  # of the corruption

    @property
    def work(self) -> int:
        """Steps altogether: photos times filters, and the photos once more without a swap."""
        return self.count * (1 + sum(self.layers.values()))


class Counts(BaseModel):
    """The counts so far: numbers only, so that they can be saved after any batch."""

    expected: list[int] = []  # the class of each photo that has been through without a swap
    clean: int = 0  # how many of those are right when clean
    corrupted: int = 0  # how many are right when corrupted, over all levels
    swapped: dict[str, list[int]] = {}  # layer -> for each filter, how many are right with it swapped, over all levels
    done: dict[str, int] = {}  # layer -> photos counted

    def fits(self, setup: RankingSetup) -> bool:
        """Whether these can be counts of this ranking."""
        most = setup.count * len(setup.levels)
        return (
            len(self.expected) <= setup.count
            and 0 <= self.clean <= setup.count
            and 0 <= self.corrupted <= most
            and all(0 <= self.done.get(layer, -1) <= setup.count for layer in self.swapped)
            and self.done.keys() <= self.swapped.keys()
            and all(len(hits) == setup.layers.get(layer) for layer, hits in self.swapped.items())
            and all(0 <= hit <= most for hits in self.swapped.values() for hit in hits)
        )

    def work(self, setup: RankingSetup) -> int:
        """The steps of :attr:`RankingSetup.work` that are done."""
        return len(self.expected) + sum(setup.layers[layer] * photos for layer, photos in self.done.items())

    def priorities(self, setup: RankingSetup) -> dict[str, tuple[float, ...]]:
        """Layer -> tau of each filter, from finished counts."""
        trials = setup.count * len(setup.levels)
        return {
            layer: tuple((hits - self.corrupted) / trials for hits in self.swapped[layer]) for layer in setup.layers
        }


@torch.inference_mode()
def count_hits(setup: RankingSetup, counts: Counts) -> Iterator[str]:
    """Continues ``counts`` itself to the end; yields after each batch the layer it was for, "" without a swap.
    Raises InputError for a layer that the network cannot be split at."""
    cuts = {layer: prefix_suffix(setup.network, layer, setup.name) for layer in setup.layers}
    for start in range(len(counts.expected), setup.count, PHOTOS):
        _count_unswapped(setup, counts, start)
        yield ""
    for layer, (prefix, suffix) in cuts.items():
        counts.swapped.setdefault(layer, [0] * setup.layers[layer])
        for start in range(counts.done.setdefault(layer, 0), setup.count, PHOTOS):
            photos = setup.photos(start, start + PHOTOS)
            expected = torch.tensor(counts.expected[start : start + PHOTOS])
            clean = prefix(setup.prepare(photos))[-1]  # (B, N, h, w)
            hits = torch.zeros(setup.layers[layer], dtype=torch.int64)
            for level in setup.levels:
                values = prefix(_corrupted(setup, photos, level, start))
                hits += _hits_by_filter(suffix, values, clean, expected)
            before = torch.tensor(counts.swapped[layer])
            counts.swapped[layer] = (before + hits).tolist()
            counts.done[layer] = start + len(photos)
            yield layer


def _count_unswapped(setup: RankingSetup, counts: Counts, start: int) -> None:
    photos = setup.photos(start, start + PHOTOS)
    logits = setup.network(setup.prepare(photos))  # (B, classes)
    expected = predictions = logits.argmax(1)
    if setup.labels is not None:
        expected = torch.tensor(setup.labels[start : start + PHOTOS])
    counts.clean += int((predictions == expected).sum())
    for level in setup.levels:
        predictions = setup.network(_corrupted(setup, photos, level, start)).argmax(1)
        counts.corrupted += int((predictions == expected).sum())
    counts.expected += expected.tolist()


def _corrupted(setup: RankingSetup, photos: list[Photo], level: float, start: int) -> Tensor:
    return setup.prepare(
        [corrupt(photo, setup.corruption, level, setup.seed, start + i) for i, photo in enumerate(photos)]
    )


def _hits_by_filter(suffix: nn.Module, values: tuple, clean: Tensor, expected: Tensor) -> Tensor:
    """For each filter, how many of the batch are right with its map swapped for the clean one, (N,).

    ``values`` are what the rest of the network takes, the layer's output (B, N, h, w) last.
    """
    *around, corrupted = values
    batch, filters = corrupted.shape[:2]
    # A network that hands a number around the layer (its batch size, say) gets one swapped copy at a time.
    stackable = all(isinstance(value, Tensor) and value.shape[:1] == (batch,) for value in around)
    most = COPIES if stackable else 1
    hits = []
    for first in range(0, filters, most):
        copies = min(most, filters - first)
        swapped = corrupted.repeat(copies, 1, 1, 1).unflatten(0, (copies, batch))  # (copies, B, N, h, w)
        for i in range(copies):
            swapped[i, :, first + i] = clean[:, first + i]
        # Copies even where there is but one: a ReLU of the suffix may overwrite its input.
        repeated = [torch.cat([value] * copies) if isinstance(value, Tensor) else value for value in around]
        predictions = suffix(*repeated, swapped.flatten(0, 1)).argmax(1)  # (copies * B,)
        hits.append((predictions.unflatten(0, (copies, batch)) == expected).sum(1))
    return torch.cat(hits)
