"""Random networks whose values verify something: neither gone nor beyond half precision."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mobile_robust.backbones.create import create_network
from mobile_robust.backbones.initialization import LARGEST, recalibrate_batchnorms, settle

IMAGES = torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def test_settled_norms_hold_the_images_statistics() -> None:
    network = create_network("test_resnet", {}, None, 0)
    norm = next(m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d))
    seen: list[torch.Tensor] = []
    handle = norm.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    recalibrate_batchnorms(network, IMAGES)
    handle.remove()
    torch.testing.assert_close(norm.running_mean, seen[0].mean((0, 2, 3)), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(norm.running_var, seen[0].var((0, 2, 3)), rtol=1e-4, atol=1e-5)
    assert norm.momentum == 0.1 and not any(part.training for part in network.modules())


def blocks(scale: float) -> nn.Sequential:
    """Eight of them, each of which scales its values; logits (B, 5)."""
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for channels in (3, *[8] * 7):
        norm = nn.BatchNorm2d(8)
        nn.init.constant_(norm.weight, scale)
        layers += [nn.Conv2d(channels, 8, 3, padding=1), norm, nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5)).eval()


@pytest.mark.parametrize("scale", [0.05, 30.0, 1e9], ids=["vanishes", "overflows half precision", "overflows"])
@torch.no_grad()
def test_a_network_whose_values_verify_nothing_gets_the_images_statistics(scale: float) -> None:
    network = blocks(scale)
    settle(network, IMAGES)
    features = network[:-3](IMAGES)
    assert 0.1 < features.std() < 10 and features.max() < LARGEST
    logits = network(IMAGES)
    assert logits.std(0).mean() > 0.01 * logits.std() > 1e-4


def test_any_other_stays_as_it_is() -> None:
    network = blocks(2.0)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    settle(network, IMAGES)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
