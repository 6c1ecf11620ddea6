"""Fake quantization: a pipeline computed in float32 with the rounding of the int8 file that ``convert`` makes of it
(cf. Jacob et al., CVPR 2018, section 3), for quantization-aware training (QAT).

* Weights: int8 per output channel, symmetric. Those that are frozen are rounded just as ``convert`` does it; trained
  ones of filters with few weights, which it rounds so that the output hardly changes, are left exact.
* Activations: int8 per tensor, from the least to the greatest value of the batch, 0 included. ``convert`` reads these
  ranges anew from its calibration photos, so that none need to be kept here.
* Biases are int32 in the file: as good as exact. They make up for the mean error of the weights, as in the file.
* What follows a convolution in the same operation of the file (batch norm, ReLU) is not rounded in between: every
  tensor is rounded where the next operation reads it.

Gradients pass the rounding as if it were not there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from mobile_robust.export import rounding
from mobile_robust.export.input_statistics import MOST_WEIGHTS
from mobile_robust.layers.deploy import fused
from mobile_robust.methods.adapter import Adapter
from mobile_robust.methods.pipeline import Pipeline

#: Have weights as their second argument and a bias as their third.
_WEIGHTED = ("conv2d", "linear")
#: Read tensors and compute. All others (ReLU, concatenation, resize, …) only pass on values that are rounded already
#: or will be where they are read.
_COMPUTING = (*_WEIGHTED, "add", "add_", "sub", "mul", "mean", "avg_pool2d", "adaptive_avg_pool2d", "index_add")
#: Least range of a tensor, so that no scale is 0.
_LEAST_RANGE = 1e-9


class FakeQuant(nn.Module):
    """What an int8 file will make of a pipeline.

    An adapter that is deployed with its backbone only (DeepCorrect's units) is computed in training form, inside a
    network whose batch norms are not folded: a positive factor per channel changes nothing about weights that are
    quantized per channel, and only the range in which a unit reads its layer's output is another than in the file.

    Args:
        pipeline: Frozen, in deploy form but for its adapter; the attribute has its frozen weights rounded.
        float_layers: Names of submodules that stay float, see the recipe.
        images: (B, 3, H, W), in the recipe's range: what the frozen weights are rounded on.
    """

    def __init__(self, pipeline: Pipeline, float_layers: Sequence[str], images: Tensor) -> None:
        super().__init__()
        self.module, self.pipeline = pipeline.module, pipeline
        if pipeline.folds:
            self.module.eval()
            samples = [(image[None],) for image in images]
            self.pipeline = cast(Pipeline, rounding.prepare(pipeline, samples, "int8", ["module", *float_layers]))
            self.pipeline.module = self.module
        # Without weights there is nothing to fold, and a deploy form may be made for one image of one size.
        self._as_trained = [name for name, child in self.module.named_children() if not [*child.parameters()]]
        self._inside_float = 0
        for name, layer in self.pipeline.named_modules():
            # a recipe for the module alone counts its layers from there
            if name in float_layers or name.removeprefix("module.") in float_layers:
                layer.register_forward_pre_hook(self._enter)
                layer.register_forward_hook(self._leave)
                if name.partition(".")[0] == "module":
                    self._as_trained.append(name.partition(".")[2])

    @contextmanager
    def deployed(self) -> Iterator[Pipeline]:
        """The pipeline to compute with inside; its adapter is deployed anew, as a function of the trained weights."""
        if self.pipeline.folds:
            self.pipeline.module = self._deploy()
        try:
            with _Int8(lambda: self._inside_float > 0):
                yield self.pipeline
        finally:
            self.pipeline.module = self.module

    def _deploy(self) -> Adapter:
        if "" in self._as_trained:
            return self.module
        deploy = fused(self.module)
        for name in self._as_trained:
            deploy.set_submodule(name, self.module.get_submodule(name))
        return deploy

    def _enter(self, *_: Any) -> None:
        self._inside_float += 1

    def _leave(self, *_: Any) -> None:
        self._inside_float -= 1


class _Int8(TorchFunctionMode):
    """Inside, what operations read is rounded, but while ``is_float()``."""

    def __init__(self, is_float: Callable[[], bool]) -> None:
        super().__init__()
        self._is_float = is_float

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        name = getattr(func, "__name__", "")
        if name in _COMPUTING and not self._is_float():
            if name in _WEIGHTED:
                x, weights, *rest = args
                args = (round_activations(x), *_round_layer(x, weights, *rest[:1]), *rest[1:])
            else:
                args = [round_activations(x) if _is_float(x) else x for x in args]
        return func(*args, **(kwargs or {}))


def round_activations(x: Tensor) -> Tensor:
    """int8 per tensor, asymmetric."""
    low, high = (value.float() for value in torch.aminmax(x.detach()))
    low, high = low.clamp_max(0), high.clamp_min(0)
    scale = (high - low).clamp_min(_LEAST_RANGE) / 255
    zero = (-128 - low / scale).round().int()
    return torch.fake_quantize_per_tensor_affine(x, scale, zero, -128, 127)


def round_weights(weights: Tensor) -> Tensor:
    """int8 per output channel, symmetric; of a convolution (out, in / groups, kh, kw) or a linear layer (out, in)."""
    limit = rounding.LIMIT
    scale = weights.detach().flatten(1).abs().amax(1).float().clamp_min(_LEAST_RANGE) / limit
    zero = torch.zeros_like(scale, dtype=torch.int32)
    return torch.fake_quantize_per_channel_affine(weights, scale, zero, 0, -limit, limit)


def _round_layer(x: Tensor, weights: Tensor, bias: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
    """The weights rounded, and the bias that makes up for the mean error, as ``convert`` prepares both."""
    if weights.dim() == 4 and weights[0].numel() <= MOST_WEIGHTS:
        return weights, bias  # of a frozen network: prepared
    rounded = round_weights(weights)
    error = (rounded - weights).detach()
    if weights.dim() == 4:
        error = error.flatten(2).sum(2)
    shift = error @ x.detach().transpose(1 if x.dim() == 4 else -1, -1).flatten(0, -2).mean(0)
    return rounded, -shift if bias is None else bias - shift


def _is_float(x: Any) -> bool:
    return isinstance(x, Tensor) and x.is_floating_point()
