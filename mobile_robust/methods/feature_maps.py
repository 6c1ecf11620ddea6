"""What a frozen network computes on the way to its answer: a target for repaired features and images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from mobile_robust.backbones.split import shape_of
from mobile_robust.layers.joined_batch import joined_variance
from mobile_robust.layers.strided_depthwise import StridedDepthwise


class TailMaps(nn.Module):
    """A frozen network, or its tail: inputs -> its last feature map at every resolution, largest first, and the logits.
    The resolutions are those for the example ``inputs``."""

    def __init__(self, tail: nn.Module, *inputs: Tensor) -> None:
        super().__init__()
        assert isinstance(tail, fx.GraphModule)
        ShapeProp(tail).propagate(*inputs)
        last: dict[int, fx.Node] = {}  # side -> node
        for node in tail.graph.nodes:
            shape = shape_of(node)
            if node.op != "placeholder" and len(shape) == 4 and shape[-1] > 1:
                last[shape[-1]] = node
        graph = fx.Graph()
        copies: dict[fx.Node, fx.Node] = {}
        logits = graph.graph_copy(tail.graph, copies)
        graph.output((*(copies[node] for node in last.values()), logits))
        self.network = fx.GraphModule(tail, graph).eval().requires_grad_(False).to(memory_format=torch.channels_last)
        for name, layer in list(self.network.named_modules()):
            if StridedDepthwise.suits(layer):
                self.network.set_submodule(name, StridedDepthwise(cast(nn.Conv2d, layer)))

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        return self.network(*inputs)


#: Weight of the answer's divergence from the clean one beside the maps' error, which is some three times smaller.
ANSWER_WEIGHT = 0.3


def tail_error(seen: Sequence[Tensor], wanted: Sequence[Tensor]) -> dict[str, Tensor]:
    """How far what :class:`TailMaps` gives of a degraded photo is from that of the clean one: "maps", the mean error of
    the maps and logits as a fraction of their variance, "answer", the divergence of the classes, and "tail", their sum.
    """
    maps = torch.stack([relative_error(x, y) for x, y in zip(seen, wanted, strict=True)]).mean()
    answer = divergence(seen[-1], wanted[-1])
    return {"tail": maps + ANSWER_WEIGHT * answer, "maps": maps, "answer": answer}


def divergence(logits: Tensor, wanted: Tensor) -> Tensor:
    """Kullback-Leibler divergence of the classes' probabilities from those wanted, mean over the batch, in nats."""
    return F.kl_div(logits.log_softmax(1), wanted.log_softmax(1), reduction="batchmean", log_target=True)


def relative_error(x: Tensor, target: Tensor) -> Tensor:
    """Mean squared error as a fraction of the target's variance."""
    x, target = _channels_last(x), _channels_last(target)
    return F.mse_loss(x, target) / joined_variance(target)


def relative_errors(x: Tensor, target: Tensor) -> Tensor:
    """The same of every image, (B,): as fractions of all images' variance."""
    x, target = _channels_last(x), _channels_last(target)
    return F.mse_loss(x, target, reduction="none").flatten(1).mean(1) / joined_variance(target)


def _channels_last(x: Tensor) -> Tensor:
    """(B, C, ...) -> (B, ..., C) in float32, the order in memory. A mean's gradient is laid out in the order of the
    dimensions, and one that lies otherwise than its map slows all of the backward pass down."""
    return x.movedim(1, -1).float()
