"""Where a network's blocks end: the layers that say the same of any convolutional classifier."""

from __future__ import annotations

from collections import Counter

from torch import Tensor, fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from mobile_robust.backbones.split import trace_ends

#: Multiply-accumulates for one output of a dense convolution: beside them, one more operation an output is lost.
LEAST_WEIGHTS = 64
#: Of fewer ends a network has no blocks that show in its modules' names.
LEAST_ENDS = 4


def block_ends(network: nn.Module, name: str, image: Tensor) -> list[str]:
    """Layers in the network's order: the batch norm behind the last dense convolution of
    every block, or that convolution where none follows.

    A block is a module that holds several convolutions itself, or one that is merged into one convolution. Where there
    are next to none (VGG, AlexNet), every dense convolution ends one.

    Raises:
        InputError: A network that torch.fx cannot trace.
    """
    graph, _ = trace_ends(network, (), name)
    ShapeProp(fx.GraphModule(network, graph)).propagate(image)
    modules = dict(network.named_modules())
    found: list[tuple[str, fx.Node]] = []  # block, convolution
    for node in graph.nodes:
        layer = modules.get(str(node.target)) if node.op == "call_module" else None
        if isinstance(layer, nn.Conv2d):
            found.append((_block(str(node.target), modules), node))
    count = Counter(block for block, _ in found)
    dense = [(block, node) for block, node in found if _is_dense(node, modules)]
    last = {block: node for block, node in dense if count[block] > 1}
    ends = [node for block, node in dense if last.get(block) is node]
    ends = ends if len(ends) >= LEAST_ENDS else [node for _, node in dense]
    return [_layer(node, modules) for node in ends]


def _block(convolution: str, modules: dict[str, nn.Module]) -> str:
    """The module that holds a convolution, or the block that it is merged into."""
    path = convolution.split(".")
    for length in range(1, len(path)):
        if hasattr(modules[".".join(path[:length])], "reparameterize"):
            return ".".join(path[:length])
    return ".".join(path[:-1])


def _is_dense(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    """Whether a convolution gives a map and takes many weights for each of its numbers."""
    layer = modules[str(node.target)]
    assert isinstance(layer, nn.Conv2d)
    return node.meta["tensor_meta"].shape[-1] > 1 and layer.weight[0].numel() >= LEAST_WEIGHTS


def _layer(node: fx.Node, modules: dict[str, nn.Module]) -> str:
    """The layer that ends with a convolution: its block where that is merged into one, the batch norm behind it, or the
    convolution."""
    block = _block(str(node.target), modules)
    if hasattr(modules.get(block), "reparameterize"):
        return block
    users = [*node.users]
    behind = modules.get(str(users[0].target)) if len(users) == 1 and users[0].op == "call_module" else None
    return str(users[0].target) if isinstance(behind, nn.BatchNorm2d) else str(node.target)
