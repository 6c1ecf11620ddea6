"""The layers that end a network's blocks, whatever the family calls them."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from mobile_robust.backbones.block_ends import block_ends
from mobile_robust.backbones.create import create_network


def ends(name: str, side: int = 64) -> list[str]:
    return block_ends(create_network(name, {}, None, 0), name, torch.zeros(1, 3, side, side))


def blocks(names: list[str], depth: int) -> Counter[str]:
    return Counter(".".join(name.split(".")[:depth]) for name in names)


@pytest.mark.parametrize(
    ("name", "first", "last", "count"),
    [
        ("mobilenetv2_100", "blocks.1.0.bn3", "bn2", 17),  # its first block reads 32 channels: too few
        ("mobilenetv1_100", "blocks.1.0.bn2", "blocks.4.1.bn2", 12),
        ("resnet18", "layer1.0.bn2", "layer4.1.bn2", 8),
        ("repvgg_a0", "stages.0.0", "stages.3.0", 21),  # whole blocks, as they are merged into one convolution
        ("alexnet", "features.0", "features.10", 5),  # no blocks: every convolution
    ],
)
def test_every_block_ends_once(name: str, first: str, last: str, count: int) -> None:
    found = ends(name)
    assert (found[0], found[-1], len(found)) == (first, last, count)
    assert max(Counter(found).values()) == 1


@pytest.mark.parametrize("name", ["mobilenetv3_small_100", "efficientnet_b0"])
def test_squeeze_and_excitation_is_no_end(name: str) -> None:
    found = ends(name)
    assert not [layer for layer in found if ".se" in layer]
    assert max(blocks(found[:-1], 3).values()) == 1


def test_a_shortcuts_convolution_is_no_end() -> None:
    assert not [layer for layer in ends("resnet18") if "downsample" in layer]


def test_layers_come_in_the_networks_order() -> None:
    found = ends("mobilenetv2_100")
    assert found[:-1] == sorted(found[:-1], key=lambda layer: [int(x) for x in layer.split(".")[1:3]])
