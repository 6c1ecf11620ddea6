"""With what padding, epsilon and normalization a network was trained: weights files do not say, photos do.

Weights of the same layout come from several libraries. TensorFlow pads maps at the bottom and the right first, has a
larger epsilon in its batch norms, and its networks take RGB in [-1, 1]; timm builds both kinds. A network that is fed
in another way still classifies, only worse, which shows in its accuracy where the photos have labels, else in its
confidence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor, nn

from mobile_robust.contracts.recipe import Triple
from mobile_robust.errors import InputError

#: Photos that are looked at.
MOST_PHOTOS = 64
#: As few say nothing.
LEAST_PHOTOS = 8
#: TensorFlow's padding and epsilon, as arguments of timm's constructors.
TENSORFLOW: dict[str, Any] = {"pad_type": "same", "bn_eps": 1e-3}
#: Usual normalizations of RGB in [0, 1]: (mean, standard deviation).
NORMALIZATIONS: tuple[tuple[Triple, Triple], ...] = (
    (IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD),
    ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
)
#: Standard errors by which the mean over the photos must be better.
_CLEARLY = 2.0
_BATCH = 8


@dataclass(frozen=True)
class Preprocessing:
    """Arguments of the network's constructor, and the normalization of RGB in [0, 1]."""

    options: dict[str, Any]
    mean: Triple
    std: Triple


@dataclass(frozen=True)
class Measured:
    """What a network makes of the photos.

    Attributes:
        how: It was fed.
        confidence: Mean probability of its first class.
        top1: Share of photos whose first class is right; None: no labels.
        scores: A photo: the logarithm of its class's probability, or without labels the probability of the first class.
    """

    how: Preprocessing
    confidence: float
    top1: float | None
    scores: NDArray[np.float64]

    def clearly_better(self, other: Measured) -> bool:
        """On the same photos, by more than chance."""
        gain = self.scores - other.scores
        return float(gain.mean()) > _CLEARLY * float(gain.std(ddof=1)) / len(gain) ** 0.5


def find_preprocessing(
    create: Callable[[Mapping[str, Any]], nn.Module],
    own: Preprocessing,
    photos: Tensor,
    labels: Sequence[int] | None,
    on_step: Callable[[str], None],
) -> list[Measured]:
    """Tries the usual normalizations, each with the network's own padding and epsilon and with TensorFlow's.

    Args:
        create: Constructor's arguments -> the network with its weights; raises InputError for arguments that it lacks.
        own: What is known of the network; kept unless another way is clearly better.
        photos: RGB (B, 3, H, W), values in [0, 1].
        labels: The right classes; None: unknown.
        on_step: Called with what is tried as it begins, :func:`count_trials` times at most.

    Returns:
        All that was tried; the one to take comes first.
    """
    found = []
    for options in [own.options] if TENSORFLOW.keys() & own.options.keys() else [own.options, own.options | TENSORFLOW]:
        try:
            network = create(options)
        except InputError:
            if options == own.options:
                raise
            break  # timm's constructor knows no padding: there is one way to build it
        for mean, std in dict.fromkeys(((own.mean, own.std), *NORMALIZATIONS)):
            on_step("padding and normalization")
            found.append(_measure(network, Preprocessing(options, mean, std), photos, labels))
    best = _best(found)
    return [best, *(each for each in found if each is not best)]


def count_trials() -> int:
    """Most trials of :func:`find_preprocessing`."""
    return 2 * (len(NORMALIZATIONS) + 1)


def _best(found: Sequence[Measured]) -> Measured:
    """The first one, or the best of those that are clearly better; with its padding where that is as good."""
    better = [each for each in found[1:] if each.clearly_better(found[0])]
    best = max(better, key=lambda each: float(each.scores.mean()), default=found[0])
    for plain in better:
        same = (plain.how.mean, plain.how.std) == (best.how.mean, best.how.std)
        if same and plain.how.options == found[0].how.options and not best.clearly_better(plain):
            return plain
    return best


def _measure(network: nn.Module, how: Preprocessing, photos: Tensor, labels: Sequence[int] | None) -> Measured:
    mean, std = (torch.tensor(values)[:, None, None] for values in (how.mean, how.std))
    network = network.to(memory_format=torch.channels_last)
    batches = ((photos[start : start + _BATCH] - mean) / std for start in range(0, len(photos), _BATCH))
    with torch.inference_mode():
        logits = torch.cat([network(x.contiguous(memory_format=torch.channels_last)) for x in batches]).double()
    first = logits.softmax(1).max(1)
    scores, top1 = first.values, None
    if labels is not None:
        right = torch.tensor(labels)
        scores = logits.log_softmax(1).gather(1, right[:, None])[:, 0]
        top1 = float((first.indices == right).double().mean())
    return Measured(how, float(first.values.mean()), top1, scores.numpy())
