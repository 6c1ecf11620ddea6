"""Weights rounded ahead of a quantizer, in PyTorch, so that rounding moves the network's outputs least.

Rounding a weight adds an error that is the same for every pixel, and where an input has a large mean (after a ReLU6,
say) that error shifts a whole channel. Depthwise convolutions suffer most (nine weights that nearly cancel), and those
that look for small differences in large patches of an image (AFD's DCT). Remedies, all from calibration images alone:

* each int8 weight of a convolution with few weights a filter is rounded up or down, whichever of the two leaves the
  least variance of the output's error (coordinate descent on a quadratic form; cf. Nagel et al., "Up or Down?", 2020,
  Eq. 12);
* the mean of the error that is left goes into the bias (cf. Nagel et al., "Data-Free Quantization", 2019, sec. 4.2);
* int8 biases are stored in units of the weights' scale, so a channel with a bias but (nearly) no weights overflows
  int32 and comes out as nothing: its largest weight is raised just enough.

The rounded weights lie on the quantizer's own grid, so its rounding keeps them.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call

from mobile_robust.contracts.recipe import Precision

#: int8 per output channel, symmetric: ai-edge-quantizer's ``wi8`` and coremltools' ``linear_symmetric``.
LIMIT = 127
#: Most weights of a filter for which that is done: the work grows with the square of their number.
MOST_WEIGHTS = 256
#: Images the inputs' covariance is read from.
COVARIANCE_IMAGES = 16
#: Rounds of the coordinate descent.
SWEEPS = 4
#: Least weight of a channel as a fraction of its bias. At 2^-15 biases were still lost (inputs in [0, 6]).
LEAST_WEIGHT = 2.0**-14
#: Values of a 6-bit palette, and rounds of the k-means that finds them.
PALETTE, LLOYD_ROUNDS = 64, 25
#: Of the histogram that k-means starts from.
BINS = 1024
#: Core ML's compressed files leave tensors of up to this many numbers as they are, and those that hold no more than
#: this share of the network's weights: their bytes matter little, their precision much (MobileNetV2's first layers;
#: AFD's block DCT, which with a palette repaired 12 % of JPEG's damage instead of 40 %).
LEAST_NUMBERS, LEAST_SHARE = 4096, 0.0025

Layer = nn.Conv2d | nn.Linear


@torch.no_grad()
def prepare(
    network: nn.Module, samples: Sequence[tuple[Tensor, ...]], precision: Precision, keep: Sequence[str] = ()
) -> nn.Module:
    """A copy of a network whose convolutions and linear layers hold rounded weights and biases that make up for it.

    Args:
        network: Deploy form (no batch norms), eval mode.
        samples: Calibration inputs, one tuple of the network's arguments per image.
        precision: Whose grid: ``fp16``, ``int8`` (TFLite), ``int8w`` or ``pal6`` (Core ML).
        keep: Submodules whose weights stay as they are.
    """
    prepared = copy.deepcopy(network)
    layers = [
        m
        for name, m in prepared.named_modules()
        if isinstance(m, nn.Conv2d | nn.Linear) and not any(f"{name}.".startswith(f"{kept}.") for kept in keep)
    ]
    least = least_compressed(network)
    statistics = _collect(prepared, layers, samples, covariance=precision == "int8")
    for layer, seen in zip(layers, statistics, strict=True):
        if seen.count == 0:
            continue  # never called
        stays = precision in ("int8w", "pal6") and not is_compressed(layer, least)
        rounded = (_to_half if stays else _SCHEMES[precision])(layer, seen)
        shift = _mean_output(layer, seen.mean, rounded - layer.weight)
        bias = layer.bias if layer.bias is not None else torch.zeros_like(shift)
        layer.bias = nn.Parameter(bias - shift, requires_grad=False)
        layer.weight.copy_(rounded)
    return prepared


def is_depthwise(layer: nn.Module) -> bool:
    """One filter per input channel."""
    return isinstance(layer, nn.Conv2d) and layer.groups == layer.in_channels == layer.out_channels > 1


def _has_few_weights(layer: nn.Module) -> bool:
    if is_depthwise(layer):
        return True
    return isinstance(layer, nn.Conv2d) and layer.groups == 1 and layer.weight[0].numel() <= MOST_WEIGHTS


class _Statistics:
    """The mean input of a layer and, for a convolution with few weights a filter, the covariance of its patches: of
    each filter's own in a depthwise one, (C, K, K), otherwise (1, K, K).
    """

    def __init__(self) -> None:
        self.count = 0
        self.mean = torch.zeros(())
        self.covariance: Tensor | None = None

    def add(self, layer: nn.Module, x: Tensor, covariance: bool) -> None:
        self.count += 1
        self.mean = self.mean + (x - self.mean) / self.count
        if covariance and _has_few_weights(layer) and self.count <= COVARIANCE_IMAGES:
            patches = _patches(layer, x)  # (C or 1, K, positions)
            patches = patches - patches.mean(2, keepdim=True)
            seen = patches @ patches.transpose(1, 2) / patches.shape[2]
            self.covariance = seen if self.covariance is None else self.covariance + seen


def _collect(
    network: nn.Module, layers: Sequence[Layer], samples: Sequence[tuple[Tensor, ...]], covariance: bool
) -> list[_Statistics]:
    statistics = [_Statistics() for _ in layers]

    def hook(seen: _Statistics) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        return lambda layer, inputs: seen.add(layer, inputs[0], covariance)

    handles = [layer.register_forward_pre_hook(hook(seen)) for layer, seen in zip(layers, statistics, strict=True)]
    for sample in samples:
        network(*sample)
    for handle in handles:
        handle.remove()
    return statistics


def _to_half(layer: Layer, seen: _Statistics) -> Tensor:
    return layer.weight.half().float()


def _to_int8(layer: Layer, seen: _Statistics) -> Tensor:
    rows = layer.weight.flatten(1)  # (channels, K)
    if layer.bias is not None:
        rows = _raise_dead(rows, layer.bias)
    scale = rows.abs().amax(1, keepdim=True) / LIMIT
    scale[scale == 0] = 1.0
    exact = rows / scale
    grid = exact.round() if seen.covariance is None else _descend(exact, seen.covariance)
    return (grid * scale).reshape(layer.weight.shape)


def _to_int8_weights(layer: Layer, seen: _Statistics) -> Tensor:
    return _to_int8(layer, _Statistics())


def _to_palette(layer: Layer, seen: _Statistics) -> Tensor:
    return palettize(layer.weight)


_SCHEMES: dict[Precision, Callable[[Layer, _Statistics], Tensor]] = {
    "fp16": _to_half,
    "int8": _to_int8,
    "int8w": _to_int8_weights,
    "pal6": _to_palette,
}


def least_compressed(network: nn.Module) -> float:
    """How many numbers a tensor of this network must exceed for Core ML's compressed files to hold it in fewer bits."""
    return max(LEAST_NUMBERS, LEAST_SHARE * sum(p.numel() for p in network.parameters() if p.dim() > 1))


def is_compressed(layer: Layer, least: float) -> bool:
    """Whether Core ML's compressed files hold this layer's weights in fewer bits; see :func:`least_compressed`.

    Grouped (depthwise) weights stay: a hundredth of a network's bytes, most of the error.
    """
    grouped = isinstance(layer, nn.Conv2d) and layer.groups > 1
    return layer.weight.numel() > least and not grouped


def palettize(weights: Tensor) -> Tensor:
    """Every weight replaced by the nearest of at most 64 values: one-dimensional k-means (Lloyd).

    It starts with values as dense as the cube root of the weights' own density, the optimum of many values (Panter and
    Dite, 1951). From the quantiles it ends in twice to four times the squared error: the tails get too few.
    """
    values = weights.flatten()
    low, high = values.min(), values.max()
    density = torch.histc(values, BINS).pow(1 / 3)
    share = density.cumsum(0) / density.sum()
    places = torch.searchsorted(share, (torch.arange(PALETTE) + 0.5) / PALETTE)
    centres = (low + (places + 0.5) / BINS * (high - low)).unique()
    # Sorted once, the values nearest to a centre are a run, and sums over runs are differences of one running sum.
    ordered = values.sort().values
    running = torch.cat([values.new_zeros(1, dtype=torch.float64), ordered.double().cumsum(0)])
    for _ in range(LLOYD_ROUNDS):
        ends = torch.searchsorted(ordered, (centres[1:] + centres[:-1]) / 2)
        ends = torch.cat([ends.new_zeros(1), ends, ends.new_full((1,), len(ordered))])
        count, total = ends.diff(), running[ends].diff()
        centres = torch.where(count > 0, (total / count.clamp_min(1)).to(centres), centres).sort().values
    return centres[_nearest(values, centres)].reshape(weights.shape)


def _nearest(values: Tensor, centres: Tensor) -> Tensor:
    """Index of the centre nearest to each value; centres are in ascending order."""
    return torch.bucketize(values, (centres[1:] + centres[:-1]) / 2)


def _descend(exact: Tensor, covariance: Tensor) -> Tensor:
    """Up or down for every weight, least (q - w)' covariance (q - w) per channel; starts at the nearest.

    Args:
        exact: (C, K), in units of the grid.
        covariance: (C, K, K), or (1, K, K) for all of them.
    """
    low = exact.floor()
    grid = exact.round()
    largest = exact.abs() > LIMIT - 0.5  # it defines the scale and must stay where it is
    for _ in range(SWEEPS):
        for k in range(exact.shape[1]):
            other = torch.where(grid[:, k] == low[:, k], low[:, k] + 1, low[:, k])
            step = other - grid[:, k]
            slope = torch.einsum("ck,ck->c", covariance[:, k].expand_as(exact), grid - exact)
            gain = 2 * step * slope + step**2 * covariance[:, k, k]
            grid[:, k] = torch.where((gain < 0) & ~largest[:, k], other, grid[:, k])
    return grid


def _raise_dead(rows: Tensor, bias: Tensor) -> Tensor:
    """Rows (channels, K) whose largest weight is at least LEAST_WEIGHT of the bias; larger ones are left alone."""
    least = LEAST_WEIGHT * bias.abs()
    value, index = rows.abs().max(1)
    dead = value < least
    raised = rows.clone()
    raised[dead, index[dead]] = torch.where(rows[dead, index[dead]] < 0, -least[dead], least[dead])
    return raised


def _mean_output(layer: Layer, x: Tensor, weights: Tensor) -> Tensor:
    """Mean over positions of the layer's output for input ``x``, with other weights and no bias: (channels,)."""
    y = _apply(layer, x, weights)
    return y.mean((0, 2, 3)) if isinstance(layer, nn.Conv2d) else y.flatten(0, -2).mean(0)


def _patches(layer: nn.Module, x: Tensor) -> Tensor:
    """(1, C, H, W) -> what each output position of a convolution sees: of its channel in a depthwise one,
    (C, K, positions), otherwise of all, (1, K, positions).

    Through the layer itself, so that its own padding and stride apply.
    """
    assert isinstance(layer, nn.Conv2d)
    if not is_depthwise(layer):
        taps = torch.eye(layer.weight[0].numel()).reshape(-1, *layer.weight.shape[1:])
        return _apply(layer, x, taps).flatten(2)
    single = []
    for k in range(layer.weight[0].numel()):
        tap = torch.zeros_like(layer.weight).flatten(1)
        tap[:, k] = 1
        single.append(_apply(layer, x, tap.reshape(layer.weight.shape))[0].flatten(1))
    return torch.stack(single, 1)


def _apply(layer: nn.Module, x: Tensor, weights: Tensor) -> Tensor:
    """The layer's own computation with other weights and a bias of zero."""
    zero = {"bias": torch.zeros(weights.shape[0])} if layer.bias is not None else {}
    return functional_call(layer, {"weight": weights, **zero}, (x,))
