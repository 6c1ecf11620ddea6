"""RepVGG's habit: before two forms are compared, every number that a wrong fusion could hide behind is randomized."""

import torch
from torch import nn


def randomize(network: nn.Module, seed: int = 0) -> nn.Module:
    """Random batch-norm statistics, affine parameters and biases, far from the initial 0 and 1; eval mode."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_()
                module.running_var.uniform_(0.3, 3)
                if module.affine:
                    module.weight.uniform_(0.3, 2)
                    module.bias.normal_()
            elif isinstance(module, nn.Conv2d) and module.bias is not None:
                module.bias.normal_()
    return network.eval().requires_grad_(False)


def relative_error(expected: torch.Tensor, got: torch.Tensor) -> float:
    """Largest error as a fraction of the expected range."""
    return ((got - expected).abs().max() / (expected.max() - expected.min())).item()
