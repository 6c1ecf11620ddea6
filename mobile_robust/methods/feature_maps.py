"""What a frozen network computes on the way to its answer: a target for repaired features and images."""

from __future__ import annotations

from torch import Tensor, fx, nn
from torch.fx.passes.shape_prop import ShapeProp


class TailMaps(nn.Module):
    """A frozen tail: features (B, C, h, w) -> its last feature map at every resolution, largest first, and the logits.
    The resolutions are those for the example ``features``."""

    def __init__(self, tail: nn.Module, features: Tensor) -> None:
        super().__init__()
        assert isinstance(tail, fx.GraphModule)
        ShapeProp(tail).propagate(features)
        last: dict[int, fx.Node] = {}  # side -> node
        for node in tail.graph.nodes:
            found = node.meta.get("tensor_meta")
            if node.op != "placeholder" and found is not None and len(found.shape) == 4 and found.shape[-1] > 1:
                last[found.shape[-1]] = node
        graph = fx.Graph()
        copies: dict[fx.Node, fx.Node] = {}
        logits = graph.graph_copy(tail.graph, copies)
        graph.output((*(copies[node] for node in last.values()), logits))
        self.network = fx.GraphModule(tail, graph).eval()

    def forward(self, features: Tensor) -> tuple[Tensor, ...]:
        return self.network(features)


def relative_error(x: Tensor, target: Tensor) -> Tensor:
    """Mean squared error as a fraction of the target's variance."""
    return relative_errors(x, target).mean()


def relative_errors(x: Tensor, target: Tensor) -> Tensor:
    """The same of every image, (B,): as fractions of all images' variance."""
    return (x - target).square().mean(tuple(range(1, x.dim()))) / target.var()
