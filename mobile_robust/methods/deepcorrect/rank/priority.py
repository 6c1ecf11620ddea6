"""Algorithm 1 of DeepCorrect (Borkar & Karam, IEEE TIP 2019, section 4.1), one batch of photos at a time.

For every filter: how many corrupted photos the network gets right when this filter's map, and no other, is that of the
clean photo. What comes before the layer is computed once a batch, what comes behind it once a filter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from mobile_robust.backbones.split import prefix_suffix
from mobile_robust.corruptions import corrupt
from mobile_robust.data.images import Photo
from mobile_robust.errors import InputError

#: Photos in memory at a time, and how many of their swapped copies go through the rest of the network together. On a
#: CPU 2 copies are as fast as 1, and 8 half as slow again: their maps no longer fit its caches.
PHOTOS, COPIES = 16, 2


@dataclass(frozen=True)
class Task:
    """What is ranked on what.

    Attributes:
        network: The classifier, in eval mode.
        name: Its name.
        layers: Layer -> number of its filters.
        photos: The photos from one index up to another, each (H, W, 3) uint8.
        count: Number of photos.
        labels: Their classes; None: the network's own answers to the clean photos.
        prepare: Photos -> what the network takes, (B, 3, H, W).
        corruption: A key of :data:`~mobile_robust.corruptions.CORRUPTIONS`.
        levels: How strong; every photo counts once per level.
        seed: Of the corruption.
    """

    network: nn.Module
    name: str
    layers: dict[str, int]
    photos: Callable[[int, int], list[Photo]]
    count: int
    labels: Sequence[int] | None
    prepare: Callable[[list[Photo]], Tensor]
    corruption: str
    levels: tuple[float, ...]
    seed: int

    @property
    def work(self) -> int:
        """Steps altogether: photos times filters, and the photos once more without a swap."""
        return self.count * (1 + sum(self.layers.values()))


@dataclass
class Counts:
    """How far the counting is; all of it numbers, so that it can be saved after any batch.

    Attributes:
        expected: The class of each photo that has been through without a swap.
        clean: How many of those are right when clean.
        corrupted: How many are right when corrupted, over all levels.
        swapped: Layer -> for each filter, how many are right with it swapped, over all levels.
        done: Layer -> photos counted.
    """

    expected: list[int] = field(default_factory=list)
    clean: int = 0
    corrupted: int = 0
    swapped: dict[str, list[int]] = field(default_factory=dict)
    done: dict[str, int] = field(default_factory=dict)

    def work(self, task: Task) -> int:
        """The steps of :attr:`Task.work` that are done."""
        return len(self.expected) + sum(task.layers[layer] * photos for layer, photos in self.done.items())

    def priorities(self, task: Task) -> dict[str, tuple[float, ...]]:
        """Layer -> tau of each filter, from finished counts."""
        trials = task.count * len(task.levels)
        return {layer: tuple((hits - self.corrupted) / trials for hits in self.swapped[layer]) for layer in task.layers}


@torch.inference_mode()
def count(task: Task, counts: Counts) -> Iterator[str]:
    """Counts on from where ``counts`` is, in place.

    Yields:
        After each batch: the layer it was for, "" for the pass without a swap.

    Raises:
        InputError: A layer that cannot be cut out, or a label that is no class of the network.
    """
    cuts = {layer: prefix_suffix(task.network, layer, task.name) for layer in task.layers}
    for start in range(len(counts.expected), task.count, PHOTOS):
        _count_unswapped(task, counts, start)
        yield ""
    for layer, (prefix, suffix) in cuts.items():
        counts.swapped.setdefault(layer, [0] * task.layers[layer])
        for start in range(counts.done.setdefault(layer, 0), task.count, PHOTOS):
            photos = task.photos(start, start + PHOTOS)
            expected = torch.tensor(counts.expected[start : start + PHOTOS])
            clean = prefix(task.prepare(photos))[-1]  # (B, N, h, w)
            hits = torch.zeros(task.layers[layer], dtype=torch.int64)
            for level in task.levels:
                values = prefix(_corrupted(task, photos, level, start))
                hits += _hits_by_filter(suffix, values, clean, expected)
            counts.swapped[layer] = [
                before + new for before, new in zip(counts.swapped[layer], hits.tolist(), strict=True)
            ]
            counts.done[layer] = start + len(photos)
            yield layer


def _count_unswapped(task: Task, counts: Counts, start: int) -> None:
    photos = task.photos(start, start + PHOTOS)
    logits = task.network(task.prepare(photos))  # (B, classes)
    answers = logits.argmax(1)
    expected = answers
    if task.labels is not None:
        expected = torch.tensor(task.labels[start : start + PHOTOS])
        if int(expected.max()) >= logits.shape[1]:
            raise InputError(f"label {int(expected.max())}: {task.name} has the classes 0 to {logits.shape[1] - 1}")
    counts.clean += int((answers == expected).sum())
    for level in task.levels:
        answers = task.network(_corrupted(task, photos, level, start)).argmax(1)
        counts.corrupted += int((answers == expected).sum())
    counts.expected += expected.tolist()


def _corrupted(task: Task, photos: list[Photo], level: float, start: int) -> Tensor:
    return task.prepare(
        [corrupt(photo, task.corruption, level, task.seed, start + i) for i, photo in enumerate(photos)]
    )


def _hits_by_filter(suffix: nn.Module, values: tuple, clean: Tensor, expected: Tensor) -> Tensor:
    """For each filter, how many of the batch are right with its map swapped for the clean one, (N,).

    Args:
        suffix: The rest of the network.
        values: What it takes, the layer's output (B, N, h, w) last.
        clean: The layer's output for the clean photos.
        expected: The right classes, (B,).
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
        # Copies even where there is but one: a ReLU of the suffix may work in place.
        repeated = [torch.cat([value] * copies) if isinstance(value, Tensor) else value for value in around]
        answers = suffix(*repeated, swapped.flatten(0, 1)).argmax(1)  # (copies * B,)
        hits.append((answers.unflatten(0, (copies, batch)) == expected).sum(1))
    return torch.cat(hits)
