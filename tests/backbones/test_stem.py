"""The insertion point that no recipe has to name."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mobile_robust.backbones.create import create_network
from mobile_robust.backbones.split import cut
from mobile_robust.backbones.stem import stem_end
from mobile_robust.errors import InputError

IMAGE = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "layer", "features"),
    [
        ("resnet18", "act1", (64, 32, 32)),  # the paper's: the first ReLU
        ("repvgg_a0", "stem", (48, 32, 32)),  # the paper's: stage 0
        ("mobilenetv2_100", "bn1", (32, 32, 32)),  # a batch norm with its activation
        ("mobilenetv1_100", "bn1", (32, 32, 32)),
        ("mobilenetv3_small_100", "bn1", (16, 32, 32)),
        ("efficientnet_b0", "bn1", (32, 32, 32)),
        ("ghostnet_100", "act1", (16, 32, 32)),
        ("mobileone_s0", "stem", (48, 32, 32)),  # branches side by side
        ("fastvit_t8", "stem.0", (48, 32, 32)),
        ("regnety_002", "stem", (32, 32, 32)),
        ("resnet26d", "conv1.2", (32, 32, 32)),  # the first of three convolutions
        ("densenet121", "features.norm0", (64, 32, 32)),
        ("convnext_atto", "stem.0", (40, 16, 16)),
        ("cifar_resnet20", "bn1", (16, 64, 64)),
        ("alexnet", "features.1", (64, 15, 15)),
    ],
)
def test_behind_the_first_convolution_its_norm_and_activation(name: str, layer: str, features: tuple[int, ...]) -> None:
    network = create_network(name, {}, None, 0)
    assert stem_end(network, name, IMAGE) == layer
    found = cut(network, name, layer)
    assert found.stem(IMAGE).shape[1:] == features
    torch.testing.assert_close(found.tail(found.stem(IMAGE)), network(IMAGE), rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["levit_128s", "efficientformer_l1"])
def test_networks_that_keep_their_attentions_biases_are_cut_as_well(name: str) -> None:
    """After a trace as after a forward pass they have kept something that no other trace knows."""
    network, image = create_network(name, {}, None, 0), torch.rand(1, 3, 224, 224)
    for _ in range(2):
        found = cut(network, name, stem_end(network, name, image))
        torch.testing.assert_close(found.tail(found.stem(image)), network(image), rtol=1e-4, atol=1e-4)


def test_a_network_without_a_stem_is_named() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 64 * 64, 10))
    with pytest.raises(InputError, match=r"backbone flat: no convolution's features .* set backbone\.layer"):
        stem_end(network, "flat", IMAGE)
