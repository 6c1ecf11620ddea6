"""Batch norms out of a traced network: each goes into the layer in front of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from torch import fx, nn

from mobile_robust.layers.fuse import fold_batchnorm_after, kernel_of


def fold_batchnorms(half: fx.GraphModule) -> fx.GraphModule:
    """Folds, in place, every batch norm that follows a convolution, or a layer whose ``fold_following_batchnorm(norm)``
    says that it took the norm up; of timm's norm with activation the latter stays.
    """
    modules = dict(half.named_modules())
    calls = Counter(str(node.target) for node in half.graph.nodes if node.op == "call_module")
    for node in list(half.graph.nodes):
        norm = modules.get(str(node.target)) if node.op == "call_module" else None
        before = node.args[0] if norm is not None and node.args else None
        if not isinstance(norm, nn.BatchNorm2d) or not isinstance(before, fx.Node) or len(before.users) > 1:
            continue
        layer = modules.get(str(before.target)) if before.op == "call_module" else None
        if calls[str(before.target)] > 1 or not _fold(layer, norm):
            continue
        rest = nn.Sequential(*(child for child in norm.children() if not isinstance(child, nn.Identity)))
        half.set_submodule(str(node.target), rest)
        if not len(rest):
            node.replace_all_uses_with(before)
            half.graph.erase_node(node)
    half.delete_all_unused_submodules()
    half.recompile()
    return half.eval()


def _fold(layer: nn.Module | None, norm: nn.BatchNorm2d) -> bool:
    """Whether the layer now does what the norm behind it did."""
    if isinstance(layer, nn.Conv2d):
        kernel = fold_batchnorm_after(kernel_of(layer), norm)
        layer.weight, layer.bias = nn.Parameter(kernel.weight), nn.Parameter(kernel.bias)
        return True
    absorb: Callable[[nn.BatchNorm2d], bool] | None = getattr(layer, "fold_following_batchnorm", None)
    return absorb is not None and absorb(norm)
