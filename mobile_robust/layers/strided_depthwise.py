"""A frozen depthwise convolution with a stride of two, as it runs fast on a CPU while what is in front of it learns."""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from timm.layers.conv2d_same import Conv2dSame
from torch import Tensor, nn


class StridedDepthwise(nn.Module):
    """The function of a convolution that :meth:`suits`; shares its weights.

    TensorFlow's padding ("same") of an image of even sides is one pixel more to the right and below than to the left
    and above. PyTorch has no such convolution, so that timm copies the whole map into a larger one, and its gradient
    back. Here a kernel with a row and a column of zeros in front makes the padding even.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv, self.same = conv, isinstance(conv, Conv2dSame)

    @staticmethod
    def suits(layer: nn.Module) -> bool:
        if not isinstance(layer, nn.Conv2d):
            return False
        depthwise = layer.groups == layer.in_channels == layer.out_channels
        plain = layer.dilation == (1, 1) and layer.padding_mode == "zeros" and not isinstance(layer.padding, str)
        odd = all(side % 2 for side in layer.kernel_size)
        return depthwise and plain and odd and layer.stride == (2, 2) and not layer._forward_pre_hooks

    def forward(self, x: Tensor) -> Tensor:
        conv = self.conv
        if x.device.type != "cpu" or (self.same and any(side % 2 for side in x.shape[2:])):
            return cast(Tensor, conv(x))
        weight, padding = conv.weight, cast(tuple[int, int], conv.padding)
        if self.same:
            weight, padding = F.pad(weight, (1, 0, 1, 0)), (conv.kernel_size[0] // 2, conv.kernel_size[1] // 2)
        if torch.is_autocast_enabled("cpu") and x.requires_grad:
            return cast(Tensor, _Float32Gradient.apply(x, weight, conv.bias, padding))
        return F.conv2d(x, weight, conv.bias, 2, padding, groups=conv.groups)


class _Float32Gradient(torch.autograd.Function):
    """The convolution with its gradient in float32: PyTorch 2.14 takes ten times as long for one in bfloat16."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, padding: tuple[int, int]) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.dtype, ctx.padding, ctx.size = x.dtype, padding, x.shape[2:]
        return F.conv2d(x, weight, bias, 2, padding, groups=x.shape[1])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        (weight,) = ctx.saved_tensors
        sides = zip(ctx.size, gradient.shape[2:], ctx.padding, weight.shape[2:], strict=True)
        beyond = [side - (2 * (count - 1) - 2 * padding + kernel) for side, count, padding, kernel in sides]
        with torch.autocast("cpu", enabled=False):
            found = F.conv_transpose2d(
                gradient.float(), weight.float(), None, 2, ctx.padding, beyond, groups=len(weight)
            )
        return found.to(ctx.dtype), None, None, None
