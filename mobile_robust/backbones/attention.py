"""timm's attentions without tensors of five dimensions, which the GPUs of phones do not take."""

from __future__ import annotations

import operator

from torch import fx, nn

#: Queries, keys and values: one projection gives them all.
_CHUNKS = 3


def split_heads(half: fx.GraphModule) -> fx.GraphModule:
    """In a traced network, in place, and in its blocks that were left in one piece: cuts queries, keys and values out
    of their common projection before the heads get an axis, instead of afterwards. The values stay what they are.

        projection (B, N, 3 C) -> reshape (B, N, 3, heads, D) -> permute -> unbind
                               -> three of (B, N, C), each -> reshape (B, N, heads, D) -> permute
    """
    for name, block in list(half.named_modules()):
        whole = type(block) is not nn.Module and not isinstance(block, fx.GraphModule)
        if whole and isinstance(getattr(block, "qkv", None), nn.Linear):
            half.set_submodule(name, split_heads(fx.symbolic_trace(block)))
    graph = half.graph
    for unbind in graph.find_nodes(op="call_method", target="unbind"):
        permute = unbind.args[0]
        if unbind.args[1:] != (0,) or not _only(permute, "permute"):
            continue
        reshape, *axes = permute.args
        if not _only(reshape, "reshape", "view"):
            continue
        projection, *sizes = reshape.args
        if len(sizes) != 5 or sizes[2] != _CHUNKS or axes[0] != 2 or not _is_linear(projection, half):
            continue
        with graph.inserting_before(unbind):
            chunks = graph.call_method("chunk", (projection, _CHUNKS, -1))
            for use in list(unbind.users):
                chunk = graph.call_function(operator.getitem, (chunks, use.args[1]))
                heads = graph.call_method("reshape", (chunk, *sizes[:2], *sizes[3:]))
                use.replace_all_uses_with(graph.call_method("permute", (heads, *(a - (a > 2) for a in axes[1:]))))
    graph.eliminate_dead_code()
    half.recompile()
    return half.eval()


def _only(node: object, *names: str) -> bool:
    """Whether a node is a call of such a method whose result only one other takes."""
    return isinstance(node, fx.Node) and node.op == "call_method" and node.target in names and len(node.users) == 1


def _is_linear(node: object, half: fx.GraphModule) -> bool:
    if not isinstance(node, fx.Node) or node.op != "call_module":
        return False
    return isinstance(half.get_submodule(str(node.target)), nn.Linear)
