"""The branches of timm's blocks merged into one convolution each."""

from __future__ import annotations

import copy

from timm.utils.model import reparameterize_model
from torch import nn


def reparameterized(network: nn.Module) -> nn.Module:
    """A merged copy. Blocks that are merged already, as in a network made with ``inference_mode``, stay as they are:
    timm's own function fails on them.
    """
    network = copy.deepcopy(network)
    merged = [block for block in network.modules() if getattr(block, "reparam_conv", None) is not None]
    for block in merged:
        vars(block)["reparameterize"] = lambda: None  # timm asks the block
    network = reparameterize_model(network, inplace=True)
    for block in merged:
        del vars(block)["reparameterize"]
    return network
