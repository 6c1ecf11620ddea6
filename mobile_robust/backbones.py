"""Any timm classifier as stem | tail around a named layer.

The network is traced with torch.fx and its graph is cut behind the layer, so both halves are real modules with the
original weights under their original names, and a layer that is not a clean cut is refused.
"""

from __future__ import annotations

import copy
from collections import Counter
from dataclasses import dataclass
from typing import Any

import timm
import torch
from timm.models import get_notrace_functions, get_notrace_modules
from timm.utils.model import reparameterize_model
from torch import fx, nn
from torchvision.models.feature_extraction import NodePathTracer

from mobile_robust.errors import InputError, unknown
from mobile_robust.layers.fuse import fold_norm_after, kernel_of

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


def fold_norms(half: fx.GraphModule) -> fx.GraphModule:
    """Folds, in place, every batch norm that follows a convolution; of timm's norm with activation the latter stays."""
    modules = dict(half.named_modules())
    calls = Counter(str(node.target) for node in half.graph.nodes if node.op == "call_module")
    for node in list(half.graph.nodes):
        norm = modules.get(str(node.target)) if node.op == "call_module" else None
        before = node.args[0] if norm is not None and node.args else None
        if not isinstance(norm, nn.BatchNorm2d) or not isinstance(before, fx.Node) or len(before.users) > 1:
            continue
        conv = modules.get(str(before.target)) if before.op == "call_module" else None
        if not isinstance(conv, nn.Conv2d) or calls[str(before.target)] > 1:
            continue
        kernel = fold_norm_after(kernel_of(conv), norm)
        conv.weight, conv.bias = nn.Parameter(kernel.weight), nn.Parameter(kernel.bias)
        rest = nn.Sequential(*(part for part in norm.children() if not isinstance(part, nn.Identity)))
        half.set_submodule(str(node.target), rest)
        if not len(rest):
            node.replace_all_uses_with(before)
            half.graph.erase_node(node)
    half.delete_all_unused_submodules()
    half.recompile()
    return half.eval()


def create_network(name: str, options: dict[str, Any], pretrained: str | None, seed: int) -> nn.Module:
    """A timm classifier in eval mode, with random weights from ``seed`` unless ``pretrained`` names timm weights.

    Only ``pretrained`` reaches for the network.

    Raises:
        InputError: Unknown model (with close matches) or option, or weights that cannot be downloaded.
    """
    wanted = pretrained or name
    if not timm.is_model(wanted):
        raise unknown("backbone", wanted, timm.list_models())
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
        _revive(network)
    return network.eval()


def _architecture(name: str) -> str:
    """timm's name without the weights' tag."""
    return name.partition(".")[0]


def _revive(network: nn.Module) -> None:
    """Gives weights that timm initializes to zero (the last norm of a residual branch) a small value.

    A converter folds a branch times zero away, and the file would be faster than any trained one.
    """
    for name, parameter in network.named_parameters():
        if not name.endswith("bias") and not parameter.any():
            nn.init.constant_(parameter, 0.1)


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
    layers = [n for n, _ in network.named_modules() if n]
    if layer not in layers:
        raise unknown(f"layer of {name}", layer, layers)
    tracer = NodePathTracer(leaf_modules=list(get_notrace_modules()), autowrap_functions=tuple(get_notrace_functions()))
    try:
        graph = tracer.trace(network)
    except (fx.proxy.TraceError, AssertionError, TypeError, RuntimeError, ValueError) as error:
        raise InputError(f"backbone {name} cannot be split: torch.fx does not trace it ({error})") from None
    paths = tracer.node_to_qualname
    inside = [n for n in graph.nodes if n in paths and (paths[n] == layer or paths[n].startswith(layer + "."))]
    if not inside:
        raise InputError(f"layer {layer!r} of {name} is never called in a forward pass; choose another")
    cut = inside[-1]
    from_image = _depends_on_image(graph)
    nodes = list(graph.nodes)
    before, after = set(nodes[: nodes.index(cut)]), set(nodes[nodes.index(cut) + 1 :])
    around = [n for n in nodes if n in before & from_image and after.intersection(n.users)]
    if cut not in from_image or around:
        others = ", ".join(str(n) for n in around[:3])
        raise InputError(f"layer {layer!r} of {name} is no clean cut: {others} also feeds what follows; choose another")
    return _stem(network, graph, cut), _tail(network, graph, cut, skip=before & from_image)


def _depends_on_image(graph: fx.Graph) -> set[fx.Node]:
    """The image (the first placeholder) and every value computed from it."""
    image, *others = graph.nodes
    found = {image}
    for node in others:
        if found.intersection(node.all_input_nodes):
            found.add(node)
    return found


def _stem(network: nn.Module, graph: fx.Graph, cut: fx.Node) -> fx.GraphModule:
    half = fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    for node in graph.nodes:
        copies[node] = half.node_copy(node, copies.__getitem__)
        if node is cut:
            half.output(copies[node])
            break
    return fx.GraphModule(network, half).eval()


def _tail(network: nn.Module, graph: fx.Graph, cut: fx.Node, skip: set[fx.Node]) -> fx.GraphModule:
    half = fx.Graph()
    copies = {cut: half.placeholder("features")}
    for node in graph.nodes:
        if node is not cut and node not in skip:
            copies[node] = half.node_copy(node, copies.__getitem__)
    tail = fx.GraphModule(network, half)
    tail.graph.eliminate_dead_code()
    tail.delete_all_unused_submodules()
    tail.recompile()
    return tail.eval()
