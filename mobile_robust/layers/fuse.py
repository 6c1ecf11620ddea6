"""Exact algebra on convolutions: fold a batch norm, merge two convolutions in a row, widen a kernel.

Everything here works on the plain tensors of a convolution: weight (out, in / groups, kh, kw), bias (out,). Into a
grouped one only the batch norm behind it may be folded. Gradients pass through, so that quantization-aware training can
compute with a deploy form of the weights it trains (:mod:`mobile_robust.layers.deploy`).
RepVGG (Ding et al., 2021, section 3.3) and DBB (Ding et al., 2021, section 3.2) give the identities.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Kernel(NamedTuple):
    weight: Tensor  # (out, in, kh, kw)
    bias: Tensor  # (out,)

    def __add__(self, other: object) -> Kernel:
        """Sum of two parallel convolutions of equal geometry."""
        if not isinstance(other, Kernel):
            return NotImplemented
        return Kernel(self.weight + other.weight, self.bias + other.bias)


def kernel_of(conv: nn.Conv2d) -> Kernel:
    """A missing bias is zero."""
    return Kernel(conv.weight, conv.bias if conv.bias is not None else conv.weight.new_zeros(conv.out_channels))


def affine_of(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """The per-channel scale and shift a batch norm applies in eval mode, each (channels,)."""
    assert norm.running_mean is not None and norm.running_var is not None
    scale = (norm.running_var + norm.eps).rsqrt()
    if norm.affine:
        scale = scale * norm.weight
    shift = -norm.running_mean * scale
    return scale, shift + norm.bias if norm.affine else shift


def fold_batchnorm_after(kernel: Kernel, norm: nn.BatchNorm2d) -> Kernel:
    """convolution -> batch norm as one convolution. Exact at the borders: the norm acts after the padding."""
    scale, shift = affine_of(norm)
    return Kernel(kernel.weight * scale[:, None, None, None], kernel.bias * scale + shift)


def fold_affine_before(scale: Tensor, shift: Tensor, kernel: Kernel) -> Kernel:
    """per-channel affine map -> convolution as one convolution. Exact only for a convolution that pads nothing."""
    bias = kernel.bias + torch.einsum("oihw,i->o", kernel.weight, shift)
    return Kernel(kernel.weight * scale[None, :, None, None], bias)


def merge(first: Kernel, second: Kernel) -> Kernel:
    """Two convolutions in a row as one, where at least one of them is 1x1 and nothing is padded between them.

    (W2 * (W1 * x + b1) + b2) = (W2 . W1) * x + (sum of W2 over the kernel) b1 + b2. When the second is larger than 1x1
    and the pair must see a zero border, the border has to be padded BEFORE the first one, which turns it into b1 (AFD,
    section III-C1).
    """
    assert 1 in (first.weight.shape[-1], second.weight.shape[-1])
    if second.weight.shape[-1] == 1:
        weight = torch.einsum("om,mihw->oihw", second.weight[:, :, 0, 0], first.weight)
    else:
        weight = torch.einsum("omhw,mi->oihw", second.weight, first.weight[:, :, 0, 0])
    return Kernel(weight, second.weight.sum((2, 3)) @ first.bias + second.bias)


def widen(kernel: Kernel, size: int) -> Kernel:
    """The same map with a larger kernel, zeros around the old one (AFD, Eq. 6); of an even one the cell in the middle
    is the upper left of the four."""
    more = size - kernel.weight.shape[-1]
    before, behind = more // 2, more - more // 2
    return Kernel(F.pad(kernel.weight, (before, behind, before, behind)), kernel.bias)


def conv_of(kernel: Kernel, stride: int | tuple[int, int] = 1, padding: int = 0) -> nn.Conv2d:
    """A biased convolution: with parameters of its own, or the tensors themselves where a gradient has to pass."""
    out_channels, in_channels, height, width = kernel.weight.shape
    conv = nn.Conv2d(in_channels, out_channels, (height, width), stride, padding, device="meta")
    del conv.weight, conv.bias
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in kernel):
        conv.weight, conv.bias = kernel  # plain attributes: a parameter would be a leaf
    else:
        # contiguous: of others the TFLite converter takes two of one shape for the same
        conv.weight, conv.bias = (
            nn.Parameter(tensor.clone(memory_format=torch.contiguous_format)) for tensor in kernel
        )
    return conv
