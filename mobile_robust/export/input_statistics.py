"""What the convolutions and linear layers of a network get as inputs for calibration images."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from contextlib import ExitStack

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

    def __init__(self, layer: Layer, covariance: bool) -> None:
        self.count = 0
        self.mean = torch.zeros(())
        self.covariance: Tensor | None = None
        # a copy: the layer itself has a hook that would take what is computed with it here for another input
        self._layer = copy.deepcopy(layer) if covariance and _has_few_weights(layer) else None

    def add(self, x: Tensor) -> None:
        """Takes in another input."""
        self.count += 1
        self.mean = self.mean + (x - self.mean) / self.count
        if self._layer is not None and self.count <= COVARIANCE_IMAGES:
            patches = _patches(self._layer, x)  # (C or 1, K, positions)
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
    statistics = {layer: InputStatistics(layer, covariance) for layer in layers.values()}

    def see(layer: Layer, inputs: tuple[Tensor, ...]) -> None:
        statistics[layer].add(inputs[0])

    with ExitStack() as hooks:
        for layer in layers.values():
            hooks.enter_context(layer.register_forward_pre_hook(see))
        for sample in samples:
            network(*sample)
    return {name: statistics[layer] for name, layer in layers.items()}


def _is_depthwise(layer: Layer) -> bool:
    return isinstance(layer, nn.Conv2d) and layer.groups == layer.in_channels == layer.out_channels > 1


def _has_few_weights(layer: Layer) -> bool:
    small = isinstance(layer, nn.Conv2d) and layer.groups == 1 and layer.weight[0].numel() <= MOST_WEIGHTS
    return small or _is_depthwise(layer)


def _patches(layer: Layer, x: Tensor) -> Tensor:
    """(1, C, H, W) -> what each output position of a convolution sees: of its channel in a depthwise one,
    (C, K, positions), otherwise of all, (1, K, positions).

    Through the layer itself, so that its own padding and stride apply.
    """
    if not _is_depthwise(layer):
        taps = torch.eye(layer.weight[0].numel()).reshape(-1, *layer.weight.shape[1:])
        return apply_weights(layer, x, taps).flatten(2)
    single = []
    for k in range(layer.weight[0].numel()):
        tap = torch.zeros_like(layer.weight).flatten(1)
        tap[:, k] = 1
        single.append(apply_weights(layer, x, tap.reshape(layer.weight.shape))[0].flatten(1))
    return torch.stack(single, 1)


def apply_weights(layer: Layer, x: Tensor, weights: Tensor) -> Tensor:
    """The layer's own computation with other weights and a bias of zero."""
    zero = {"bias": torch.zeros(weights.shape[0])} if layer.bias is not None else {}
    return functional_call(layer, {"weight": weights, **zero}, (x,))
