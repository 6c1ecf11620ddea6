"""What the convolutions and linear layers of a network get as inputs for calibration images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.func import functional_call

#: Most weights of a filter whose inputs' covariance is taken: the work grows with the square of their number.
MOST_WEIGHTS = 256
#: Images the covariance is taken over.
COVARIANCE_IMAGES = 16

Layer = nn.Conv2d | nn.Linear


class InputStatistics:
    """Of one layer.

    Attributes:
        count: How many inputs it got.
        mean: Their mean, in the shape of an input.
        covariance: Of the patches that a convolution with few weights a filter sees, over positions: (1, K, K), in a
            depthwise one of each filter's own, (C, K, K). None: not taken.
    """

    def __init__(self) -> None:
        self.count = 0
        self.mean = torch.zeros(())
        self.covariance: Tensor | None = None

    def add(self, layer: nn.Module, x: Tensor, covariance: bool) -> None:
        """Takes in another input."""
        self.count += 1
        self.mean = self.mean + (x - self.mean) / self.count
        if covariance and _has_few_weights(layer) and self.count <= COVARIANCE_IMAGES:
            patches = _patches(layer, x)  # (C or 1, K, positions)
            patches = patches - patches.mean(2, keepdim=True)
            seen = patches @ patches.transpose(1, 2) / patches.shape[2]
            self.covariance = seen if self.covariance is None else self.covariance + seen


def layers_of(network: nn.Module) -> dict[str, Layer]:
    """The layers with weights, by name."""
    return {name: m for name, m in network.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)}


@torch.no_grad()
def collect(
    network: nn.Module, samples: Iterable[tuple[Tensor, ...]], covariance: bool
) -> Mapping[str, InputStatistics]:
    """The statistics of every layer by name, from one pass over ``samples``, tuples of the network's arguments."""
    layers = layers_of(network)
    statistics = {name: InputStatistics() for name in layers}

    def hook(seen: InputStatistics) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        return lambda layer, inputs: seen.add(layer, inputs[0], covariance)

    handles = [layer.register_forward_pre_hook(hook(statistics[name])) for name, layer in layers.items()]
    try:
        for sample in samples:
            network(*sample)
    finally:
        for handle in handles:
            handle.remove()
    return statistics


def is_depthwise(layer: nn.Module) -> bool:
    """One filter per input channel."""
    return isinstance(layer, nn.Conv2d) and layer.groups == layer.in_channels == layer.out_channels > 1


def _has_few_weights(layer: nn.Module) -> bool:
    if is_depthwise(layer):
        return True
    return isinstance(layer, nn.Conv2d) and layer.groups == 1 and layer.weight[0].numel() <= MOST_WEIGHTS


def _patches(layer: nn.Module, x: Tensor) -> Tensor:
    """(1, C, H, W) -> what each output position of a convolution sees: of its channel in a depthwise one,
    (C, K, positions), otherwise of all, (1, K, positions).

    Through the layer itself, so that its own padding and stride apply.
    """
    assert isinstance(layer, nn.Conv2d)
    if not is_depthwise(layer):
        taps = torch.eye(layer.weight[0].numel()).reshape(-1, *layer.weight.shape[1:])
        return apply_weights(layer, x, taps).flatten(2)
    single = []
    for k in range(layer.weight[0].numel()):
        tap = torch.zeros_like(layer.weight).flatten(1)
        tap[:, k] = 1
        single.append(apply_weights(layer, x, tap.reshape(layer.weight.shape))[0].flatten(1))
    return torch.stack(single, 1)


def apply_weights(layer: nn.Module, x: Tensor, weights: Tensor) -> Tensor:
    """The layer's own computation with other weights and a bias of zero."""
    zero = {"bias": torch.zeros(weights.shape[0])} if layer.bias is not None else {}
    return functional_call(layer, {"weight": weights, **zero}, (x,))
