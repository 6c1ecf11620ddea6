"""Where the stem of any classifier ends: the insertion point of a module that edits its features (AFD, section IV-C1:
behind the first ReLU of ResNet, behind stage 0 of RepVGG).
"""

from __future__ import annotations

from torch import Tensor, fx, nn

from mobile_robust.backbones.split import all_paths_lead_through, shape_of, trace_with_shapes
from mobile_robust.errors import InputError


def stem_end(network: nn.Module, name: str, image: Tensor) -> str:
    """The layer behind the first convolution, its norm and activation, for images like ``image`` (1, 3, H, W); behind
    the whole of them where there are several side by side.

    Raises:
        InputError: A network that torch.fx cannot trace, or one without such a layer.
    """
    graph, ends = trace_with_shapes(network, name, image)
    found = find_stem_end(graph, ends, network)
    if found is None:
        near = ", ".join(n for n, _ in list(network.named_children())[:6])
        raise InputError(
            f"backbone {name}: no convolution's features that all paths lead through, which are its first "
            f"layers' ({near}); set backbone.layer"
        )
    return found


def find_stem_end(graph: fx.Graph, ends: dict[str, fx.Node], network: nn.Module) -> str | None:
    """:func:`stem_end` of a network's graph with shapes; None: there is no such layer."""
    names, modules = outermost_layers(ends), dict(network.named_modules())
    convolutions = [ends[layer] for layer, module in modules.items() if isinstance(module, nn.Conv2d) and layer in ends]
    order = list(graph.nodes)
    found = None
    for node in order[min(map(order.index, convolutions), default=len(order)) :]:
        if found and not only_rescales(node, modules):
            break
        if node in names and len(shape_of(node)) == 4 and all_paths_lead_through(node, graph):
            found = names[node]
    return found


def outermost_layers(ends: dict[str, fx.Node]) -> dict[fx.Node, str]:
    """Node -> the layer that ends there, of several the outermost."""
    return {node: layer for layer, node in reversed(ends.items())}


def only_rescales(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    """Whether a node is a norm, an activation or nothing: of one map's size, and without a convolution."""
    module = modules.get(str(node.target)) if node.op == "call_module" else None
    inputs = node.all_input_nodes
    return (
        len(inputs) == 1 and shape_of(node) == shape_of(inputs[0]) and not isinstance(module, nn.Conv2d | nn.MaxPool2d)
    )
