"""Which filters of which convolutions a method corrects: the options ``layers`` and ``beta``, and a ranking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from torch import nn

from mobile_robust.errors import InputError, unknown
from mobile_robust.methods.deepcorrect.method import DeepCorrectOptions

#: Layers and shares of filters by backbone: Deepcorr-5 of AlexNet and Deepcorr-6 of Fig. 3a's network (Borkar & Karam).
DEFAULTS: dict[str, tuple[tuple[str, ...], tuple[float, ...]]] = {
    "alexnet": (
        ("features.0", "features.3", "features.6", "features.8", "features.10"),
        (0.75, 0.75, 0.5, 0.5, 0.5),
    ),
    "all_conv": (tuple(f"conv{i}" for i in range(1, 7)), (0.5,) * 6),
}


class Choice(NamedTuple):
    """The filters of one layer."""

    channels: int  # how many there are
    selected: tuple[int, ...]  # those that are corrected, the most susceptible first


def choose_filters(
    network: nn.Module, name: str, options: DeepCorrectOptions, ranking: Mapping[str, Sequence[int]] | None
) -> dict[str, Choice]:
    """The corrected filters of the network ``name`` by layer, in the layers' order.

    ``ranking`` has each layer's filters, the most susceptible first; None: in their own order. Raises InputError for an
    unknown layer, one that is no convolution, or a beta or ranking that does not fit."""
    widths = filter_counts(network, name, corrected_layers(name, options.layers))
    given = options.beta
    if given is None:
        given = DEFAULTS[name][1] if name in DEFAULTS and options.layers is None else 0.5
    betas = list(given) if isinstance(given, tuple) else [given] * len(widths)
    if len(betas) != len(widths):
        raise InputError(f"options.beta: {len(betas)} values for {len(widths)} layers: {', '.join(widths)}")
    chosen = {}
    for (layer, channels), beta in zip(widths.items(), betas, strict=True):
        count = _count(layer, channels, beta)
        order = range(channels) if ranking is None else ranking.get(layer, ())
        if len(order) < count or len({*order} & {*range(channels)}) < len(order):
            raise InputError(
                f"ranking of layer {layer!r} of {name}: needed are {count} or more different filters from 0 to "
                f"{channels - 1}, it has {len(order)}"
            )
        chosen[layer] = Choice(channels, tuple(order[:count]))
    return chosen


def corrected_layers(name: str, given: Sequence[str] | None) -> tuple[str, ...]:
    """The names in ``options.layers``, each once, or the paper's layers of a known backbone; else raises InputError."""
    if given is not None:
        if len(set(given)) < len(given):
            raise InputError(f"layers must be a list of different layer names, got {list(given)}")
        return tuple(given)
    if name not in DEFAULTS:
        raise InputError(f"backbone {name}: no default layers to correct; name its convolutions in options.layers")
    return DEFAULTS[name][0]


def updated_layers(network: nn.Module, name: str, updated: Sequence[str], corrected: Sequence[str]) -> tuple[str, ...]:
    """The names in ``options.update``. Raises InputError for an unknown layer, or one that contains another of them or
    a corrected one."""
    layers = [n for n, _ in network.named_modules() if n]
    for layer in updated:
        if layer not in layers:
            raise unknown(f"layer of {name}", layer, layers)
        if inside := [other for other in (*corrected, *updated) if other.startswith(layer + ".")]:
            raise InputError(
                f"options.update: {layer!r} contains {inside[0]!r}, which is corrected or updated by itself"
            )
    return tuple(updated)


def filter_counts(network: nn.Module, name: str, layers: Sequence[str]) -> dict[str, int]:
    """Layer -> number of its filters. Raises InputError for an unknown layer, or one that is no convolution."""
    convolutions = {n: m.out_channels for n, m in network.named_modules() if isinstance(m, nn.Conv2d)}
    for layer in layers:
        if layer not in convolutions:
            raise unknown(f"convolution of {name}", layer, convolutions)
    return {layer: convolutions[layer] for layer in layers}


def _count(layer: str, channels: int, beta: float) -> int:
    if isinstance(beta, float) and 0 < beta <= 1:
        return max(1, round(beta * channels))
    if isinstance(beta, int) and 1 <= beta <= channels:
        return beta
    raise InputError(
        f"options.beta of layer {layer!r}: must be a share greater than 0.0, at most 1.0, or a number of filters from "
        f"1 to {channels}, got {beta!r}"
    )
