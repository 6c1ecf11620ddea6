"""Which filters of which convolutions a method corrects: the options ``layers`` and ``beta``, and a ranking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from torch import nn

from mobile_robust.errors import InputError, unknown

#: Layers and shares of filters by backbone: Deepcorr-5 of AlexNet and Deepcorr-6 of Fig. 3a's network (Borkar & Karam).
DEFAULTS: dict[str, tuple[tuple[str, ...], tuple[float, ...]]] = {
    "alexnet": (
        ("features.0", "features.3", "features.6", "features.8", "features.10"),
        (0.75, 0.75, 0.5, 0.5, 0.5),
    ),
    "all_conv": (tuple(f"conv{i}" for i in range(1, 7)), (0.5,) * 6),
}


class Choice(NamedTuple):
    """The filters of one layer.

    Attributes:
        channels: How many filters the layer has.
        selected: Those that are corrected, the most susceptible first.
    """

    channels: int
    selected: tuple[int, ...]


def choose_filters(
    network: nn.Module, name: str, options: Mapping[str, Any], ranking: Mapping[str, Sequence[int]] | None
) -> dict[str, Choice]:
    """The corrected filters by layer, in the layers' order.

    Args:
        network: The backbone.
        name: Its name.
        options: ``layers`` and ``beta``; beta is the share of a layer's filters, or their number where it is a whole
            one; one for all layers or a list.
        ranking: Layer -> its filters, the most susceptible first; None: in their own order.

    Raises:
        InputError: An unknown layer, one that is no convolution, or a beta or ranking that does not fit.
    """
    widths = filter_counts(network, name, corrected_layers(name, options.get("layers")))
    betas = options.get("beta")
    if betas is None:
        betas = DEFAULTS[name][1] if name in DEFAULTS and "layers" not in options else 0.5
    betas = list(betas) if isinstance(betas, list | tuple) else [betas] * len(widths)
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


def corrected_layers(name: str, given: Any) -> tuple[str, ...]:
    """The names in ``options.layers``, or the paper's layers of a known backbone.

    Raises:
        InputError: None given and none known, or something else than different names.
    """
    if given is None:
        if name not in DEFAULTS:
            raise InputError(f"backbone {name}: no default layers to correct; name its convolutions in options.layers")
        return DEFAULTS[name][0]
    layers = _names("layers", given)
    if not layers:
        raise InputError("options.layers: needed is at least one layer")
    return layers


def updated_layers(network: nn.Module, name: str, given: Any, corrected: Sequence[str]) -> tuple[str, ...]:
    """The names in ``options.update``.

    Raises:
        InputError: Something else than different names, an unknown layer, or one that contains another of them or a
            corrected one.
    """
    updated = _names("update", given)
    layers = [n for n, _ in network.named_modules() if n]
    for layer in updated:
        if layer not in layers:
            raise unknown(f"layer of {name}", layer, layers)
        if inside := [other for other in (*corrected, *updated) if other.startswith(layer + ".")]:
            raise InputError(
                f"options.update: {layer!r} contains {inside[0]!r}, which is corrected or updated by itself"
            )
    return updated


def filter_counts(network: nn.Module, name: str, layers: Sequence[str]) -> dict[str, int]:
    """Layer -> number of its filters.

    Raises:
        InputError: An unknown layer, or one that is no convolution.
    """
    convolutions = {n: m.out_channels for n, m in network.named_modules() if isinstance(m, nn.Conv2d)}
    for layer in layers:
        if layer not in convolutions:
            raise unknown(f"convolution of {name}", layer, convolutions)
    return {layer: convolutions[layer] for layer in layers}


def _names(option: str, given: Any) -> tuple[str, ...]:
    names = [n for n in given if isinstance(n, str)] if isinstance(given, list | tuple) else [""]
    if "" in names or len(set(names)) != len(given):
        raise InputError(f"options.{option} must be a list of different layer names, got {given!r}")
    return tuple(names)


def _count(layer: str, channels: int, beta: Any) -> int:
    if isinstance(beta, float) and 0 < beta <= 1:
        return max(1, round(beta * channels))
    if type(beta) is int and 1 <= beta <= channels:
        return beta
    raise InputError(
        f"options.beta of layer {layer!r}: must be a share greater than 0.0, at most 1.0, or a number of filters from "
        f"1 to {channels}, got {beta!r}"
    )
