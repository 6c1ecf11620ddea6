"""Where a module can go."""

from __future__ import annotations

import pytest
import torch

from mobile_robust.backbones.create import create_network
from mobile_robust.backbones.insertion_points import InsertionPoint, insertion_points
from mobile_robust.backbones.split import cut
from mobile_robust.backbones.stem import stem_end


def points(name: str, side: int) -> list[InsertionPoint]:
    return insertion_points(create_network(name, {}, None, 0), name, torch.zeros(1, 3, side, side))


def test_the_ends_of_stem_blocks_and_stages_of_which_one_is_the_default() -> None:
    found = points("cifar_resnet20", 32)
    assert found[0] == InsertionPoint("bn1", 16, 32, 32, default=True)
    layers = [point.layer for point in found]
    assert layers[1:4] == ["layer1.0", "layer1.1", "layer1"] and layers[-1] == "layer3"
    assert not any("conv" in layer for layer in layers) and sum(point.default for point in found) == 1


def test_the_network_can_be_cut_behind_every_one_and_its_map_is_as_said() -> None:
    network, image = create_network("test_resnet", {}, None, 0), torch.rand(1, 3, 64, 64)
    found = insertion_points(network, "test_resnet", image)
    assert stem_end(network, "test_resnet", image) in [point.layer for point in found if point.default]
    for point in found:
        halves = cut(network, "test_resnet", point.layer)
        features = halves.stem(image)
        assert features.shape[1:] == (point.channels, point.height, point.width)
        torch.testing.assert_close(halves.tail(features), network(image), rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_mobilenets_inner_layers_are_left_out() -> None:
    found = points("mobilenetv2_100", 64)
    layers = [point.layer for point in found]
    assert layers[:4] == ["bn1", "blocks.0", "blocks.1.0", "blocks.1"] and "blocks.1.0.bn1" not in layers


def test_a_network_of_tokens_has_none() -> None:
    assert not [point for point in points("test_vit", 160) if point.height > 40]
