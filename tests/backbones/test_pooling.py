"""Where networks pool."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mobile_robust.backbones.create import create_network
from mobile_robust.backbones.pooling import pooling_points
from mobile_robust.errors import InputError


def points(name: str, size: int = 64, **options: Any) -> Any:
    return pooling_points(create_network(name, options, None, 0), name, torch.zeros(1, 3, size, size))


def test_the_papers_points_of_a_resnet() -> None:
    """In front of the max pool and of the global pool; 2048 pooled features."""
    found = points("resnet50", 224)
    assert found.before_pools == ("act1", "layer4.2.act3") and found.classifier == "fc"
    assert found.shapes == ((64, 112, 112), (2048, 7, 7)) and found.features == 2048


def test_three_max_pools_of_alexnet() -> None:
    found = points("alexnet", 224)
    assert found.before_pools == ("features.1", "features.4", "features.11", "avgpool")
    assert found.classifier == "classifier.1" and found.features == 9216


@pytest.mark.parametrize(
    ("name", "layer", "channels", "features", "classifier"),
    [
        ("mobilenetv2_100", "bn2", 1280, 1280, "classifier"),
        ("mobilenetv3_small_100", "blocks.5.0.aa", 576, 1024, "classifier"),  # a convolution behind its global pool
        ("efficientnet_b0", "bn2", 1280, 1280, "classifier"),
        ("cifar_resnet20", "layer3.2", 64, 64, "linear"),  # its global pool is a function
    ],
)
def test_networks_without_max_pools(name: str, layer: str, channels: int, features: int, classifier: str) -> None:
    found = points(name)
    assert found.before_pools == (layer,) and found.shapes[0][0] == channels
    assert (found.features, found.classifier) == (features, classifier)


def test_a_max_pool_in_a_branch_is_none() -> None:
    assert points("inception_v3", 128).before_pools == ("Conv2d_2b_3x3.bn", "Conv2d_4a_3x3.bn", "Mixed_7c")


class Convolutional(nn.Module):
    """Its classes are maps: no linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 10, 3)

    def forward(self, image: Tensor) -> Tensor:
        return self.conv(image).mean((2, 3))


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "all_conv"])
def test_networks_that_pool_nothing(name: str) -> None:
    with pytest.raises(InputError, match=f"backbone {name} has no place to edit: no linear layer takes pooled"):
        points(name, 224)
    with pytest.raises(InputError, match="backbone x has no place to edit"):
        pooling_points(Convolutional(), "x", torch.zeros(1, 3, 32, 32))


def test_a_pooled_value_that_is_no_layers_output() -> None:
    with pytest.raises(
        InputError, match="backbone convnext_atto has no place to edit: .*, which is pooled, is no layer's"
    ):
        points("convnext_atto")
