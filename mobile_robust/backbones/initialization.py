"""Random networks whose signal reaches the output: latency and parity then mean something without trained weights."""

from __future__ import annotations

from contextlib import ExitStack

import torch
from torch import Tensor, nn

#: Least difference between the logits of several photos, as a share of the spread of all logits, and least spread.
LEAST_DIFFERENCE, LEAST_SPREAD = 1e-3, 1e-3
#: Largest magnitude of a layer's values: a sixteenth of what half precision holds.
LARGEST = torch.finfo(torch.float16).max / 16


def perturb_zero_init(network: nn.Module) -> None:
    """Gives weights that are initialized to zero (the last norm of a residual branch, the last layer of an estimator)
    small values: constants to norms, noise from PyTorch's generator to matrices.

    A converter folds a branch times zero away: the file would be faster than any trained one, and its parity trivial.
    """
    for name, parameter in network.named_parameters():
        if name.endswith("bias") or parameter.any():
            continue
        if parameter.dim() == 1:
            nn.init.constant_(parameter, 0.1)
        else:
            nn.init.normal_(parameter, std=0.02)


@torch.no_grad()
def recalibrate_batchnorms(network: nn.Module, images: Tensor) -> None:
    """Gives a random network's batch norms the statistics they would have in training, here of some images; their
    scales become 1 and their shifts 0.

    Args:
        network: In eval mode.
        images: (B, 3, H, W), normalized as the network wants them.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_parameters()
        norm.train().momentum = 1.0  # nothing but the images' statistics
    network(images)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.eval().momentum = momentum


@torch.no_grad()
def settle(network: nn.Module, images: Tensor) -> None:
    """Re-estimates a random network's batch norms where its values would verify nothing: where they vanish
    (RepVGG's initial norms divide them by ten in every block, so that all photos have the same logits), or overflow
    half precision (MobileOne's sums of branches grow from block to block).

    Args:
        network: A classifier in eval mode.
        images: Several photos, (B, 3, H, W), normalized as the network wants them.
    """
    largest = [0.0]
    with ExitStack() as hooks:
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.BatchNorm2d | nn.Linear):
                see = module.register_forward_hook(lambda _, inputs, output: largest.append(float(output.abs().max())))
                hooks.enter_context(see)
        logits = network(images)
    spread = float(logits.std())
    alike = float(logits.std(0).mean()) < LEAST_DIFFERENCE * spread
    if not max(largest) < LARGEST or spread < LEAST_SPREAD or alike:  # "not": of what is no number
        recalibrate_batchnorms(network, images)
