"""Where a module can edit a network's features: the layers of any classifier behind which it can be cut."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, fx, nn

from mobile_robust.backbones.split import all_paths_lead_through, shape_of, trace_with_shapes
from mobile_robust.backbones.stem import find_stem_end, only_rescales, outermost_layers


@dataclass(frozen=True)
class InsertionPoint:
    """A layer whose output is a map (B, channels, height, width) that all paths lead through."""

    layer: str
    channels: int
    height: int
    width: int
    default: bool  # whether the stem ends there, see :func:`~mobile_robust.backbones.stem.stem_end`


def insertion_points(network: nn.Module, name: str, image: Tensor) -> list[InsertionPoint]:
    """In the network's order, for images like ``image`` (1, 3, H, W): where stem, blocks and stages end. Not between a
    convolution and its norm and activation, nor inside a block that is listed itself.

    Raises:
        InputError: A network that torch.fx cannot trace.
    """
    graph, ends = trace_with_shapes(network, name, image)
    default = find_stem_end(graph, ends, network)
    names, modules = outermost_layers(ends), dict(network.named_modules())
    found = []
    for node in graph.nodes:
        layer, shape = names.get(node), shape_of(node)
        if layer is None or len(shape) != 4 or shape[-1] == 1 or not all_paths_lead_through(node, graph):
            continue
        inside = _goes_on(node, modules) or _in_block(layer, modules)
        if layer == default or not inside:
            found.append(InsertionPoint(layer, *shape[1:], layer == default))
    return found


def _goes_on(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    """Whether only a norm or an activation takes the output."""
    users = list(node.users)
    return len(users) == 1 and only_rescales(users[0], modules)


def _in_block(layer: str, modules: dict[str, nn.Module]) -> bool:
    """Whether a layer is of a block: of a module, below one of the network's own, that holds convolutions itself."""
    parent = layer.rpartition(".")[0]
    return "." in parent and any(isinstance(child, nn.Conv2d) for child in modules[parent].children())
