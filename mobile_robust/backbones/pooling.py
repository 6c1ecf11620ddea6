"""Where a classifier pools: the points at which the fidelity map edits features, for any convolutional network.

The paper has them in front of every max pool and of the global pool, and at the pooled features. In networks without
max pools (MobileNets) only the last two are left.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from mobile_robust.backbones.split import all_paths_lead_through, depending_on, shape_of, trace_with_shapes
from mobile_robust.errors import InputError

_KINDS = (nn.Conv2d, nn.Linear, nn.MaxPool2d)


@dataclass(frozen=True)
class PoolingPoints:
    """Layers of a network, by name."""

    before_pools: tuple[str, ...]  # whose output goes into a max pool, in order, or into the global pool, at last
    shapes: tuple[tuple[int, int, int], ...]  # of these outputs: (channels, height, width)
    classifier: str  # the linear layer that takes the pooled features
    features: int  # how many


def pooling_points(network: nn.Module, name: str, image: Tensor) -> PoolingPoints:
    """The points of a network for images like ``image`` (1, 3, H, W).

    * The pooled features are what the first linear layer behind all convolutions takes.
    * A max pool counts where all paths go through it: one in a branch (Inception) does not.
    * The global pool takes the last feature map that is larger than 1x1.

    Raises:
        InputError: A network that torch.fx cannot trace, or one without such points.
    """
    graph, ends = trace_with_shapes(network, name, image)
    modules = dict(network.named_modules())
    layers = {ends[layer]: layer for layer, module in modules.items() if isinstance(module, _KINDS) and layer in ends}
    called = [(node, modules[layers[node]]) for node in graph.nodes if node in layers]
    last = [node for node, module in called if isinstance(module, nn.Conv2d)][-1:]
    behind = depending_on(last[0], graph) if last else set()
    linear = next((node for node, module in called if node in behind and isinstance(module, nn.Linear)), None)
    if linear is None or not all_paths_lead_through(linear, graph):
        raise InputError(f"backbone {name} has no place to edit: no linear layer takes pooled features of convolutions")
    pools = [
        node for node, module in called if isinstance(module, nn.MaxPool2d) and all_paths_lead_through(node, graph)
    ]
    maps = [node for node in graph.nodes if len(shape := shape_of(node)) == 4 and shape[-1] > 1]
    pooled = next(node for node in maps[::-1] if linear in depending_on(node, graph))
    points = [*dict.fromkeys([*(node.all_input_nodes[0] for node in pools), pooled])]
    names = {node: layer for layer, node in ends.items()}  # of several layers that end there the innermost
    if missing := [node for node in points if node not in names]:
        raise InputError(f"backbone {name} has no place to edit: {missing[0]}, which is pooled, is no layer's output")
    shapes = [shape_of(node) for node in points]
    return PoolingPoints(
        tuple(names[node] for node in points),
        tuple((channels, height, width) for _, channels, height, width in shapes),
        layers[linear],
        shape_of(linear.all_input_nodes[0])[-1],
    )
