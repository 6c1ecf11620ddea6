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
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mobile_robust.contracts.precisions import PRECISIONS, Precision
from mobile_robust.export.input_statistics import InputStatistics, Layer, apply_weights, collect, layers_of

#: int8 per output channel, symmetric: ai-edge-quantizer's ``wi8`` and coremltools' ``linear_symmetric``.
LIMIT = 127
#: Rounds of the coordinate descent.
SWEEPS = 4
#: Least weight of a channel as a fraction of its bias. At 2^-15 biases were still lost (inputs in [0, 6]).
LEAST_WEIGHT = 2.0**-14
#: Values of a 6-bit palette; rounds of the k-means that finds them, and bins of the histogram that it starts from.
PALETTE, LLOYD_ROUNDS, BINS = 64, 25, 1024
#: Core ML's compressed files leave tensors of up to this many numbers as they are, and those that hold no more than
#: this share of the network's weights: their bytes matter little, their precision much (MobileNetV2's first layers;
#: AFD's block DCT, which with a palette repaired 12 % of JPEG's damage instead of 40 %).
LEAST_NUMBERS, LEAST_SHARE = 4096, 0.0025


@dataclass(frozen=True)
class Scheme:
    """How a layer's weights are rounded."""

    round: Callable[[Layer, Tensor | None], Tensor]  # from the layer and, where it is read, its inputs' covariance
    covariance: bool = False
    large_only: bool = False  # for weights that are worth compressing (is_compressed); the others become float16


def _to_half(layer: Layer, covariance: Tensor | None = None) -> Tensor:
    return layer.weight.half().float()


def _to_int8(layer: Layer, covariance: Tensor | None) -> Tensor:
    rows = layer.weight.flatten(1)  # (channels, K)
    if layer.bias is not None:
        rows = _raise_dead(rows, layer.bias)
    scale = rows.abs().amax(1, keepdim=True) / LIMIT
    scale[scale == 0] = 1.0
    exact = rows / scale
    grid = exact.round() if covariance is None else _descend(exact, covariance)
    return (grid * scale).reshape(layer.weight.shape)


def _to_palette(layer: Layer, covariance: Tensor | None) -> Tensor:
    return palettize(layer.weight)


#: By the name that the table of precisions knows it by.
SCHEMES: dict[str | None, Scheme] = {
    "half": Scheme(_to_half),
    "int8": Scheme(_to_int8, covariance=True),
    "large_int8": Scheme(_to_int8, large_only=True),
    "large_palette": Scheme(_to_palette, large_only=True),
}


class Rounder:
    """The weights of one network rounded for several precisions, which share the statistics of its inputs.

    Args:
        network: Deploy form (no batch norms), eval mode.
        calibration: The network's inputs by name, in the order of its arguments.
        keep: Submodules whose weights stay as they are where activations are integers.
    """

    def __init__(
        self, network: nn.Module, calibration: Iterable[Mapping[str, Tensor]], keep: Collection[str] = ()
    ) -> None:
        self._exact, self._calibration, self._keep = network, calibration, keep
        self._statistics: Mapping[str, InputStatistics] | None = None
        self._last: tuple[Precision, nn.Module] | None = None

    def network(self, precision: Precision) -> nn.Module:
        """The network with the weights that a file of this precision holds.

        The last one is kept, for the next target; all of them would be as many copies of a large network.
        """
        spec = PRECISIONS[precision]
        if spec.rounding is None:
            return self._exact
        if self._last is None or self._last[0] != precision:
            if self._statistics is None:  # one pass over the photos, whose covariances take few of them, for all
                samples = (tuple(inputs.values()) for inputs in self._calibration)
                self._statistics = collect(self._exact, samples, covariance=True)
            keep = self._keep if spec.integer else ()
            self._last = precision, _rounded(self._exact, self._statistics, SCHEMES[spec.rounding], keep)
        return self._last[1]


def prepare(
    network: nn.Module, samples: Iterable[tuple[Tensor, ...]], precision: Precision, keep: Collection[str] = ()
) -> nn.Module:
    """A copy of a network with the weights and biases that a file of one precision holds; see :class:`Rounder`, but
    that ``keep`` is for any precision and ``samples`` are tuples of arguments.
    """
    scheme = SCHEMES[PRECISIONS[precision].rounding]
    return _rounded(network, collect(network, samples, scheme.covariance), scheme, keep)


@torch.no_grad()
def _rounded(
    network: nn.Module, statistics: Mapping[str, InputStatistics], scheme: Scheme, keep: Collection[str]
) -> nn.Module:
    """A copy whose layers hold rounded weights, and biases that make up for the mean error."""
    prepared = copy.deepcopy(network)
    least = least_compressed(network)
    for name, layer in layers_of(prepared).items():
        seen = statistics[name]
        if seen.count == 0 or any(f"{name}.".startswith(f"{kept}.") for kept in keep):
            continue
        if scheme.large_only and not is_compressed(layer, least):
            rounded = _to_half(layer)
        else:
            rounded = scheme.round(layer, seen.covariance if scheme.covariance else None)
        shift = _mean_output(layer, seen.mean, rounded - layer.weight)
        bias = layer.bias if layer.bias is not None else torch.zeros_like(shift)
        layer.bias = nn.Parameter(bias - shift, requires_grad=False)
        layer.weight.copy_(rounded)
    return prepared


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
    return centres[torch.bucketize(values, (centres[1:] + centres[:-1]) / 2)].reshape(weights.shape)


def _descend(exact: Tensor, covariance: Tensor) -> Tensor:
    """Up or down for every weight of ``exact`` (C, K), in units of the grid: least (q - w)' covariance (q - w) per
    channel, with a covariance (C, K, K), or (1, K, K) for all. Starts at the nearest.
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
    """Rows (channels, K) whose largest weight is at least LEAST_WEIGHT of the bias; larger ones stay."""
    least = LEAST_WEIGHT * bias.abs()
    value, index = rows.abs().max(1)
    dead = value < least
    raised = rows.clone()
    raised[dead, index[dead]] = torch.where(rows[dead, index[dead]] < 0, -least[dead], least[dead])
    return raised


def _mean_output(layer: Layer, x: Tensor, weights: Tensor) -> Tensor:
    """Mean over positions of the layer's output for input ``x``, with other weights and no bias: (channels,)."""
    y = apply_weights(layer, x, weights)
    return y.mean((0, 2, 3)) if isinstance(layer, nn.Conv2d) else y.flatten(0, -2).mean(0)
