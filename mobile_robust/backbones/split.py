"""Any timm classifier as stem | tail around a named layer, or as prefix | suffix where a shortcut goes around it.

The network is traced with torch.fx and its graph is cut behind the layer, so both halves are real modules with the
original weights under their original names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from timm.models import get_notrace_functions, get_notrace_modules
from torch import Tensor, fx, nn
from torch.fx.passes.shape_prop import ShapeProp, TensorMetadata
from torchvision.models.feature_extraction import NodePathTracer

from mobile_robust.backbones.attention import split_heads
from mobile_robust.backbones.reparameterize import reparameterized
from mobile_robust.errors import InputError, unknown
from mobile_robust.layers.fold_batchnorms import fold_batchnorms


@dataclass(frozen=True)
class Cut:
    """A classifier cut in two, behind ``layer``: ``tail(stem(x))`` is the network, in eval mode."""

    name: str
    layer: str
    network: nn.Module
    stem: fx.GraphModule  # image (B, 3, H, W), normalized as the classifier wants it -> features (B, C, H/s, W/s)
    tail: fx.GraphModule  # features -> logits (B, classes)

    def deployed(self) -> Cut:
        """The same classifier with timm's re-parameterizable blocks (RepVGG, …) merged, batch norms folded, and no
        tensors of five dimensions in its attentions."""
        network = reparameterized(self.network)
        stem, tail = (split_heads(fold_batchnorms(half)) for half in split(network, self.layer, self.name))
        return Cut(self.name, self.layer, network, stem, tail)


def deploy_network(network: nn.Module, name: str) -> fx.GraphModule:
    """A whole classifier as :meth:`Cut.deployed` makes it. Leaves it as it is; InputError: torch.fx cannot trace it."""
    network = reparameterized(network)
    graph, _ = trace_ends(network, (), name)
    return split_heads(fold_batchnorms(fx.GraphModule(network, graph)))


def cut(network: nn.Module, name: str, layer: str) -> Cut:
    """Splits a network behind ``layer``; InputError: as of :func:`split`."""
    return Cut(name, layer, network, *split(network, layer, name))


def split_before(network: nn.Module, layer: str, name: str) -> tuple[fx.GraphModule, fx.GraphModule]:
    """A network, and what it takes beside the image, cut in front of a layer: (what the layer takes, the layer and what
    follows). InputError: as of :func:`split`."""
    return _halves(network, layer, name, clean=True, before=True)


def split(network: nn.Module, layer: str, name: str) -> tuple[fx.GraphModule, fx.GraphModule]:
    """(stem, tail) of a network; InputError: as of :func:`prefix_suffix`, or other paths go around the layer."""
    return _halves(network, layer, name, clean=True)


def prefix_suffix(network: nn.Module, layer: str, name: str) -> tuple[fx.GraphModule, fx.GraphModule]:
    """A network cut behind any layer, shortcuts around it or not: ``suffix(*prefix(image))`` is the network.

    Returns:
        prefix: image (B, 3, H, W) -> tuple of all values the suffix needs, the layer's own output last.
        suffix: those values -> logits (B, classes); holds only what depends on the layer. May change the values in
            place, as the network's own layers do.

    Raises:
        InputError: Unknown layer, a network torch.fx cannot trace, or a layer that does not depend on the image.
    """
    return _halves(network, layer, name, clean=False)


def layer_outputs(network: nn.Module, layers: Sequence[str], name: str) -> fx.GraphModule:
    """image (B, 3, H, W) -> tuple of the outputs of some layers; InputError: as of :func:`trace_ends`."""
    graph, ends = trace_ends(network, layers, name)
    (output,) = (node for node in graph.nodes if node.op == "output")
    output.args = (tuple(ends),)
    return _half(network, graph)


def _halves(
    network: nn.Module, layer: str, name: str, clean: bool, before: bool = False
) -> tuple[fx.GraphModule, fx.GraphModule]:
    """What does not depend on the layer, and what does; ``clean``: with the layer's output alone between them;
    ``before``: with what it takes instead of its output."""
    graph, (end,) = trace_ends(network, (layer,), name)
    if before:
        end = end.all_input_nodes[0]
    image, *_, output = graph.nodes
    inputs = [node for node in graph.nodes if node.op == "placeholder"] if before else [image]
    from_image = set().union(*(depending_on(node, graph) for node in inputs))
    if end not in from_image:
        raise InputError(f"layer {layer!r} of {name} does not see the image; choose another")
    behind = depending_on(end, graph) - {end} | {output}
    around = [node for node in graph.nodes if node in from_image - behind - {end} and behind.intersection(node.users)]
    if clean and around:
        others = ", ".join(map(str, around[:3]))
        raise InputError(f"layer {layer!r} of {name} is no clean cut: {others} also feeds what follows; choose another")
    first, second = fx.Graph(), fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    for node in graph.nodes:
        if node not in behind:
            copies[node] = first.node_copy(node, copies.__getitem__)
    first.output(copies[end] if clean else tuple(copies[node] for node in (*around, end)))
    copies = {node: second.placeholder("features" if clean else node.name) for node in (*around, end)}
    for node in graph.nodes:
        if node in behind or node not in from_image:
            copies[node] = second.node_copy(node, copies.__getitem__)
    return _half(network, first), _half(network, second)


def depending_on(source: fx.Node, graph: fx.Graph) -> set[fx.Node]:
    """A value and every value computed from it."""
    found = {source}
    for node in graph.nodes:
        if found.intersection(node.all_input_nodes):
            found.add(node)
    return found


def _half(network: nn.Module, graph: fx.Graph) -> fx.GraphModule:
    """A graph over a network's layers, with only those layers that it needs."""
    half = fx.GraphModule(network, graph)
    half.graph.eliminate_dead_code()
    half.delete_all_unused_submodules()
    half.recompile()
    return half.eval()


def trace_ends(network: nn.Module, layers: Sequence[str], name: str) -> tuple[fx.Graph, list[fx.Node]]:
    """The network's graph and the last node of every layer in it.

    Raises:
        InputError: Unknown layer, one that is never called, or a network torch.fx cannot trace.
    """
    known = [n for n, _ in network.named_modules() if n]
    for layer in layers:
        if layer not in known:
            raise unknown(f"layer of {name}", layer, known)
    graph, ends = trace_layers(network, name)
    for layer in layers:
        if layer not in ends:
            raise InputError(f"layer {layer!r} of {name} is never called in a forward pass; choose another")
    return graph, [ends[layer] for layer in layers]


def trace_layers(network: nn.Module, name: str) -> tuple[fx.Graph, dict[str, fx.Node]]:
    """The network's graph, and the last node of every layer that is called; InputError: torch.fx cannot trace it."""
    tracer = _Tracer(leaf_modules=list(get_notrace_modules()), autowrap_functions=tuple(get_notrace_functions()))
    _forget_biases(network)
    try:
        graph = tracer.trace(network)
    except (fx.proxy.TraceError, AssertionError, TypeError, RuntimeError, ValueError) as error:
        raise InputError(f"backbone {name} cannot be split: torch.fx does not trace it ({error})") from None
    finally:
        _forget_biases(network)
    layers = {layer for layer, _ in network.named_modules() if layer}
    ends: dict[str, fx.Node] = {}
    for node in graph.nodes:
        path = tracer.node_to_qualname.get(node, "").split(".")
        ends |= {layer: node for length in range(len(path)) if (layer := ".".join(path[: length + 1])) in layers}
    return graph, ends


def _forget_biases(network: nn.Module) -> None:
    """timm's attentions keep the biases that they computed last: after a trace, a symbol of its graph."""
    for module in network.modules():
        if isinstance(kept := getattr(module, "attention_bias_cache", None), dict):
            kept.clear()


def trace_with_shapes(network: nn.Module, name: str, image: Tensor) -> tuple[fx.Graph, dict[str, fx.Node]]:
    """As :func:`trace_layers`, every node's shape for an image known to :func:`shape_of`. InputError also: as of
    :func:`try_image`."""
    graph, ends = trace_layers(network, name)
    try_image(network, name, image)  # ShapeProp would print a traceback
    with torch.no_grad():
        ShapeProp(fx.GraphModule(network, graph)).propagate(image)
    return graph, ends


def try_image(network: nn.Module, name: str, image: Tensor) -> Any:
    """What a network gives for an image; raises InputError where it cannot take one."""
    try:
        with torch.no_grad():
            return network(image)
    except Exception as error:  # a network's options can make it raise nearly anything
        height, width = image.shape[2:]
        raise InputError(f"backbone {name} cannot take an RGB image of {height}x{width}: {error}") from None


def shape_of(node: fx.Node) -> tuple[int, ...]:
    """Of what a node gives; () where it is no tensor."""
    found = node.meta.get("tensor_meta")
    return tuple(found.shape) if isinstance(found, TensorMetadata) else ()


def all_paths_lead_through(node: fx.Node, graph: fx.Graph) -> bool:
    """Whether every path from the image to the output goes through a node."""
    image, *_, output = graph.nodes
    reached = {image}
    for other in graph.nodes:
        if other is not node and reached.intersection(other.all_input_nodes):
            reached.add(other)
    return output not in reached


class Leaf(nn.Module):
    """A module that stays in one piece when its network is traced, whatever Python it runs."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *tensors: Tensor) -> Tensor:
        return self.module(*tensors)


class _Tracer(NodePathTracer):
    """Keeps a layer that takes up batch norms in one piece as well, see :func:`fold_batchnorms`."""

    def is_leaf_module(self, m: nn.Module, module_qualname: str) -> bool:
        whole = isinstance(m, Leaf) or hasattr(m, "fold_following_batchnorm")
        return whole or super().is_leaf_module(m, module_qualname)
