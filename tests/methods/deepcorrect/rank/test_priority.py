"""Algorithm 1 against its plainest form: one filter, one photo at a time, swapped by a hook."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from mobile_robust.corruptions import corrupt
from mobile_robust.errors import InputError
from mobile_robust.methods.deepcorrect.rank import priority
from mobile_robust.methods.deepcorrect.rank.priority import Counts, RankingSetup, count_hits
from tests.randomize import randomize

COUNT = 11
RANDOM = np.random.default_rng(0)
PHOTOS = (RANDOM.uniform(0, 200, (COUNT, 1, 1, 3)) + RANDOM.uniform(0, 55, (COUNT, 12, 12, 3))).astype(np.uint8)


class Tiny(nn.Module):
    """A shortcut around the second convolution, ReLUs that work in place and, if wanted, a batch size handed around."""

    def __init__(self, sized: bool) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 5, 3, padding=1), nn.BatchNorm2d(5)
        self.conv2, self.bn2 = nn.Conv2d(5, 5, 3, padding=1), nn.BatchNorm2d(5)
        self.relu = nn.ReLU(inplace=True)
        self.head = nn.Linear(5, 4)
        self.sized = sized

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch = x.shape[0]
        x = self.relu(self.bn1(self.conv1(x)))
        branch = self.bn2(self.conv2(x))
        x = self.relu(x).mean((2, 3)) + self.relu(branch).mean((2, 3))
        return self.head(x.view(batch, 5) if self.sized else x)


def prepare(photos: list[np.ndarray]) -> torch.Tensor:
    return torch.from_numpy(np.stack(photos)).permute(0, 3, 1, 2) / 255


def make_setup(sized: bool = False, labels: list[int] | None = None) -> RankingSetup:
    torch.manual_seed(1)
    network = randomize(Tiny(sized))
    logits = network(prepare(list(PHOTOS)))
    network.head.weight /= logits.std(0)[:, None]
    network.head.bias -= network(prepare(list(PHOTOS))).mean(0)  # so that the predictions are not all the same
    return RankingSetup(
        network=network,
        name="tiny",
        layers={"conv1": 5, "conv2": 5},
        photos=lambda start, stop: list(PHOTOS[start:stop]),
        count=COUNT,
        labels=labels,
        prepare=prepare,
        corruption="awgn",
        levels=(80.0, 200.0),
        seed=5,
    )


class Swap:
    """A hook that keeps one filter's map of the first call and puts it into the second."""

    def __init__(self, j: int) -> None:
        self.j, self.clean = j, None

    def __call__(self, module: nn.Module, inputs: tuple, output: torch.Tensor) -> torch.Tensor:
        if self.clean is None:
            self.clean = output[:, self.j].clone()
        output[:, self.j] = self.clean
        return output


def swap_by_hand(setup: RankingSetup, layer: str, j: int, labels: list[int]) -> int:
    """p_swp of one filter, as the paper writes it, in photos."""
    right = 0
    for m in range(COUNT):
        for level in setup.levels:
            hook = setup.network.get_submodule(layer).register_forward_hook(Swap(j))
            setup.network(prepare([PHOTOS[m]]))
            logits = setup.network(prepare([corrupt(PHOTOS[m], setup.corruption, level, setup.seed, m)]))
            hook.remove()
            right += int(logits.argmax()) == labels[m]
    return right


@pytest.mark.parametrize("sized", [False, True])
@pytest.mark.parametrize("labelled", [False, True])
def test_the_priorities_are_those_of_the_plain_algorithm(
    monkeypatch: pytest.MonkeyPatch, sized: bool, labelled: bool
) -> None:
    monkeypatch.setattr(priority, "PHOTOS", 4)  # batches of 4, 4, 3
    monkeypatch.setattr(priority, "COPIES", 2)  # filters by 2, 2, 1
    setup = make_setup(sized, [i % 4 for i in range(COUNT)] if labelled else None)
    predictions = setup.network(prepare(list(PHOTOS))).argmax(1).tolist()
    labels = list(setup.labels) if setup.labels is not None else predictions
    counts = Counts()
    steps = list(count_hits(setup, counts))
    assert steps == ["", "", "", "conv1", "conv1", "conv1", "conv2", "conv2", "conv2"]
    assert counts.work(setup) == setup.work
    assert counts.expected == labels
    assert counts.clean == sum(a == b for a, b in zip(predictions, labels, strict=True))
    corrupted = [
        setup.network(prepare([corrupt(PHOTOS[m], "awgn", level, 5, m)])).argmax(1).item() == labels[m]
        for m in range(COUNT)
        for level in setup.levels
    ]
    assert counts.corrupted == sum(corrupted)
    tau = counts.priorities(setup)
    for layer in ("conv1", "conv2"):
        expected = [(swap_by_hand(setup, layer, j, labels) - sum(corrupted)) / (2 * COUNT) for j in range(5)]
        assert tau[layer] == tuple(expected)
    assert len({t for layer in tau.values() for t in layer}) > 2  # the filters do differ


@pytest.mark.slow
def test_counting_is_resumed_from_any_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(priority, "PHOTOS", 4)
    setup = make_setup()
    whole = Counts()
    steps = len(list(count_hits(setup, whole)))
    for stop in range(steps):
        part = Counts()
        for _ in zip(range(stop), count_hits(setup, part), strict=False):
            pass
        rest = list(count_hits(setup, part))
        assert part == whole and len(rest) in (steps - stop, steps - stop - 1)


def test_an_unknown_layer_is_named() -> None:
    with pytest.raises(InputError, match="unknown layer of tiny 'conv3'; known: "):
        list(count_hits(replace(make_setup(), layers={"conv3": 5}), Counts()))
