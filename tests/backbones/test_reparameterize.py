"""Blocks of several branches become one convolution, also where some are one already."""

from __future__ import annotations

import timm
import torch

from mobile_robust.backbones.reparameterize import reparameterized
from mobile_robust.backbones.split import deploy_network
from tests.randomize import randomize, relative_error


def test_merged_and_half_merged_networks_stay_the_same_function() -> None:
    torch.manual_seed(0)
    network = randomize(timm.create_model("fastvit_t8", num_classes=10)).eval()
    x = torch.rand(1, 3, 64, 64)
    once = reparameterized(network)
    assert len(list(once.parameters())) < len(list(network.parameters()))
    with torch.no_grad():
        expected = network(x)
        for form in (once, reparameterized(once), deploy_network(once, "fastvit_t8")):
            assert relative_error(expected, form(x)) < 1e-4
    assert not any("reparameterize" in vars(block) for block in reparameterized(once).modules())


def test_a_network_made_merged_is_deployed() -> None:
    network = timm.create_model("fastvit_t8", num_classes=10, inference_mode=True).eval()
    x = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert relative_error(network(x), deploy_network(network, "fastvit_t8")(x)) < 1e-5
