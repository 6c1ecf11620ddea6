"""Any timm classifier as stem | tail around a named layer, or as prefix | suffix where a shortcut goes around it.

The network is traced with torch.fx and its graph is cut behind the layer, so both halves are real modules with the
original weights under their original names. :func:`split` hands over one map and refuses a layer that is no clean cut;
:func:`prefix_suffix` hands over everything that is still needed.
"""

from __future__ import annotations

import copy
import inspect
from dataclasses import dataclass
from typing import Any

import timm
import torch
from timm.models import get_notrace_functions, get_notrace_modules
from timm.utils.model import reparameterize_model
from torch import Tensor, fx, nn
from torchvision.models.feature_extraction import NodePathTracer

from mobile_robust.backbones.own import NETWORKS
from mobile_robust.errors import InputError, first_line, unknown
from mobile_robust.layers.fold_batchnorms import fold_norms

#: Where the papers put their module (AFD, section IV-C1), by the timm name's beginning.
DEFAULT_LAYERS = {
    "resnet": "act1",  # the first ReLU
    "repvgg": "stem",  # stage 0
    "mobilenetv2": "bn1",  # the stem's convolution with its batch norm and ReLU6
}


@dataclass(frozen=True)
class Backbone:
    """A classifier cut in two: ``tail(stem(x))`` is the network.

    Attributes:
        name: timm's name.
        layer: The stem's last layer.
        network: The whole classifier, in eval mode.
        stem: image (B, 3, H, W), normalized as the classifier wants it -> features (B, C, H/s, W/s).
        tail: features -> logits (B, classes).
    """

    name: str
    layer: str
    network: nn.Module
    stem: fx.GraphModule
    tail: fx.GraphModule

    def deploy(self) -> Backbone:
        """The same classifier with timm's re-parameterizable blocks (RepVGG, …) merged and batch norms folded."""
        network = reparameterize_model(copy.deepcopy(self.network))
        stem, tail = split(network, self.layer, self.name)
        return Backbone(self.name, self.layer, network, fold_norms(stem), fold_norms(tail))


def deploy_network(network: nn.Module, name: str) -> fx.GraphModule:
    """A whole classifier as :meth:`Backbone.deploy` makes it: blocks merged, batch norms folded. Leaves it as it is.

    Raises:
        InputError: A network torch.fx cannot trace.
    """
    network = reparameterize_model(copy.deepcopy(network))
    graph, _ = _trace(network, name)
    return fold_norms(fx.GraphModule(network, graph))


def create_network(name: str, options: dict[str, Any], pretrained: str | None, seed: int) -> nn.Module:
    """A classifier in eval mode, with random weights from ``seed`` unless ``pretrained`` names timm weights.

    The name is one of :data:`NETWORKS` or timm's. Only ``pretrained`` reaches for the network.

    Raises:
        InputError: Unknown model (with close matches) or option, or weights that cannot be downloaded.
    """
    if name in NETWORKS:
        return _own_network(name, options, pretrained, seed)
    wanted = pretrained or name
    if not timm.is_model(wanted):
        raise unknown("backbone", wanted, [*NETWORKS, *timm.list_models()])
    if _architecture(wanted) != _architecture(name):
        raise InputError(f"weights timm:{wanted} are of another network than backbone {name}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            network = timm.create_model(wanted, pretrained=pretrained is not None, **options)
        except Exception as error:  # an option makes timm raise nearly anything
            if pretrained and isinstance(error, OSError | RuntimeError):
                raise InputError(f"backbone weights timm:{pretrained} could not be loaded: {error}") from None
            reason = f"{type(error).__name__}: {error}"
            raise InputError(f"backbone {name}: options {options!r} not accepted by timm: {reason}") from None
    if pretrained is None:
        revive(network)
    return network.eval()


def _own_network(name: str, options: dict[str, Any], pretrained: str | None, seed: int) -> nn.Module:
    if pretrained:
        raise InputError(
            f"backbone weights timm:{pretrained}: {name} is not one of timm's networks; give its weights as a file"
        )
    allowed = inspect.signature(NETWORKS[name]).parameters
    for option in options:
        if option not in allowed:
            raise unknown(f"option of backbone {name}", option, allowed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            return NETWORKS[name](**options).eval()
        except (TypeError, ValueError, RuntimeError) as error:
            raise InputError(f"backbone {name}: options {options!r} not accepted: {first_line(error)}") from None


def _architecture(name: str) -> str:
    """timm's name without the weights' tag."""
    return name.partition(".")[0]


def revive(network: nn.Module) -> None:
    """Gives weights that are initialized to zero (the last norm of a residual branch, the last layer of an estimator)
    small values: constants to norms, noise from PyTorch's generator to matrices.

    A converter folds a branch times zero away: the file would be faster than any trained one, and its proof empty.
    """
    for name, parameter in network.named_parameters():
        if name.endswith("bias") or parameter.any():
            continue
        if parameter.dim() == 1:
            nn.init.constant_(parameter, 0.1)
        else:
            nn.init.normal_(parameter, std=0.02)


@torch.no_grad()
def settle_norms(network: nn.Module, images: Tensor) -> None:
    """Gives a random network's batch norms the statistics they would have in training, here of some images, in place;
    their scales become 1 and their shifts 0.

    Args:
        network: In eval mode.
        images: (B, 3, H, W), normalized as the network wants them.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_parameters()
        norm.train().momentum = 1.0  # the images' statistics alone
    network(images)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.eval().momentum = momentum


def default_layer(name: str, network: nn.Module) -> str:
    """The paper's insertion point for a backbone.

    Raises:
        InputError: No default is known for it.
    """
    for prefix, layer in DEFAULT_LAYERS.items():
        if name.startswith(prefix):
            return layer
    near = ", ".join(n for n, _ in list(network.named_children())[:6])
    raise InputError(f"backbone {name}: no default insertion point, set backbone.layer; its first layers are {near}")


def create_backbone(network: nn.Module, name: str, layer: str | None) -> Backbone:
    """Splits a network behind ``layer`` (default: the paper's point).

    Raises:
        InputError: Unknown layer, or one behind which the network cannot be cut in two.
    """
    layer = layer or default_layer(name, network)
    return Backbone(name, layer, network, *split(network, layer, name))


def split(network: nn.Module, layer: str, name: str) -> tuple[fx.GraphModule, fx.GraphModule]:
    """(stem, tail) of a network; see :class:`Backbone`.

    Raises:
        InputError: Unknown layer, a network torch.fx cannot trace, or a layer other paths go around.
    """
    graph, cut = _cut(network, layer, name)
    from_image = _depending_on(next(iter(graph.nodes)), graph)
    nodes = list(graph.nodes)
    before, after = set(nodes[: nodes.index(cut)]), set(nodes[nodes.index(cut) + 1 :])
    around = [n for n in nodes if n in before & from_image and after.intersection(n.users)]
    if cut not in from_image or around:
        others = ", ".join(str(n) for n in around[:3])
        raise InputError(f"layer {layer!r} of {name} is no clean cut: {others} also feeds what follows; choose another")
    return _stem(network, graph, cut), _tail(network, graph, cut, skip=before & from_image)


def prefix_suffix(network: nn.Module, layer: str, name: str) -> tuple[fx.GraphModule, fx.GraphModule]:
    """A network cut behind any layer, shortcuts around it or not: ``suffix(*prefix(image))`` is the network.

    The prefix holds all that does not depend on the layer's output, the suffix only what does.

    Returns:
        prefix: image (B, 3, H, W) -> tuple of all values the suffix needs, the layer's own output last.
        suffix: those values -> logits (B, classes). May change them in place, as the network's own layers do.

    Raises:
        InputError: Unknown layer, a network torch.fx cannot trace, or a layer that does not depend on the image.
    """
    graph, cut = _cut(network, layer, name)
    from_image = _depending_on(next(iter(graph.nodes)), graph)
    if cut not in from_image:
        raise InputError(f"layer {layer!r} of {name} does not see the image; choose another")
    after = _depending_on(cut, graph) - {cut}
    around = [node for node in graph.nodes if node in from_image - after - {cut} and after.intersection(node.users)]
    first, second = fx.Graph(), fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    for node in graph.nodes:
        if node not in after and node.op != "output":
            copies[node] = first.node_copy(node, copies.__getitem__)
    first.output(tuple(copies[node] for node in (*around, cut)))
    copies = {node: second.placeholder(node.name) for node in (*around, cut)}
    for node in graph.nodes:
        if node in after or node not in from_image:
            copies[node] = second.node_copy(node, copies.__getitem__)
    return _half(network, first), _half(network, second)


def _trace(network: nn.Module, name: str) -> tuple[fx.Graph, dict[fx.Node, str]]:
    """The network's graph, and the qualified name of the layer each node comes from."""
    tracer = _Tracer(leaf_modules=list(get_notrace_modules()), autowrap_functions=tuple(get_notrace_functions()))
    try:
        graph = tracer.trace(network)
    except (fx.proxy.TraceError, AssertionError, TypeError, RuntimeError, ValueError) as error:
        raise InputError(f"backbone {name} cannot be split: torch.fx does not trace it ({error})") from None
    return graph, tracer.node_to_qualname


class _Tracer(NodePathTracer):
    """Keeps a layer that takes up batch norms in one piece, see :func:`fold_norms`."""

    def is_leaf_module(self, m: nn.Module, module_qualname: str) -> bool:
        return hasattr(m, "absorb_norm") or super().is_leaf_module(m, module_qualname)


def _cut(network: nn.Module, layer: str, name: str) -> tuple[fx.Graph, fx.Node]:
    """The network's graph and the last node of the layer in it."""
    layers = [n for n, _ in network.named_modules() if n]
    if layer not in layers:
        raise unknown(f"layer of {name}", layer, layers)
    graph, paths = _trace(network, name)
    inside = [n for n in graph.nodes if n in paths and (paths[n] == layer or paths[n].startswith(layer + "."))]
    if not inside:
        raise InputError(f"layer {layer!r} of {name} is never called in a forward pass; choose another")
    return graph, inside[-1]


def _depending_on(source: fx.Node, graph: fx.Graph) -> set[fx.Node]:
    """A value and every value computed from it."""
    found = {source}
    for node in graph.nodes:
        if found.intersection(node.all_input_nodes):
            found.add(node)
    return found


def _stem(network: nn.Module, graph: fx.Graph, cut: fx.Node) -> fx.GraphModule:
    half = fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    for node in graph.nodes:
        copies[node] = half.node_copy(node, copies.__getitem__)
        if node is cut:
            break
    half.output(copies[cut])
    return fx.GraphModule(network, half).eval()


def _tail(network: nn.Module, graph: fx.Graph, cut: fx.Node, skip: set[fx.Node]) -> fx.GraphModule:
    half = fx.Graph()
    copies = {cut: half.placeholder("features")}
    for node in graph.nodes:
        if node is not cut and node not in skip:
            copies[node] = half.node_copy(node, copies.__getitem__)
    return _half(network, half)


def _half(network: nn.Module, graph: fx.Graph) -> fx.GraphModule:
    """A graph over a network's layers, with only those layers that it needs."""
    half = fx.GraphModule(network, graph)
    half.graph.eliminate_dead_code()
    half.delete_all_unused_submodules()
    half.recompile()
    return half.eval()
