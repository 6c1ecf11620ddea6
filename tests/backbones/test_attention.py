"""Attentions whose tensors have four dimensions at most."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mobile_robust.backbones.create import create_network
from mobile_robust.backbones.split import deploy_network
from mobile_robust.layers.constant import fold_constants


def shapes_of(network: nn.Module, image: torch.Tensor) -> set[int]:
    """Numbers of dimensions that its tensors have, whatever module computes them."""
    program = torch.export.export(network, (image,))
    values = [node.meta.get("val") for node in program.graph.nodes]
    return {value.dim() for value in values if isinstance(value, torch.Tensor)}


#: Traced; with attention over channels; with blocks that torch.fx cannot trace.
NETWORKS = [("test_vit", 160), ("edgenext_xx_small", 64), ("mobilevit_xxs", 64)]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "size"), NETWORKS)
@torch.no_grad()
def test_heads_are_split_into_four_dimensions(name: str, size: int) -> None:
    network, image = create_network(name, {}, None, 0), torch.rand(1, 3, size, size)
    assert 5 in shapes_of(network, image)
    deploy = deploy_network(network, name)
    assert max(shapes_of(fold_constants(deploy, [image]), image)) == 4
    torch.testing.assert_close(deploy(image), network(image), rtol=1e-4, atol=1e-5)
