"""Every image of a batch filtered with a kernel of its own, for training.

Autograd's own gradient of such a grouped convolution takes five times as long as the convolution. Here the gradient of
a kernel's row is one matrix product per image, of which the diagonals are what is asked for, and that of the image is
the convolution with the kernels turned round.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def per_sample_filter2d(images: Tensor, kernels: Tensor) -> Tensor:
    """Images (B, C, H, W), zeros outside, correlated with kernels (B, k, k), k odd -> (B, C, H, W)."""
    return _PerSampleFilter2d.apply(images.contiguous(), kernels)


class _PerSampleFilter2d(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor, kernels: Tensor) -> Tensor:
        ctx.save_for_backward(images, kernels)
        return _filter(images, kernels)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
        images, kernels = ctx.saved_tensors
        gradient = gradient.contiguous()
        of_images = _filter(gradient, kernels.flip(1, 2)) if ctx.needs_input_grad[0] else None
        of_kernels = _kernel_gradient(images, gradient, kernels.shape[-1]) if ctx.needs_input_grad[1] else None
        return of_images, of_kernels


def _filter(images: Tensor, kernels: Tensor) -> Tensor:
    batch, channels, height, width = images.shape
    weight = kernels[:, None].repeat_interleave(channels, 0)  # (B C, 1, k, k)
    joined = images.reshape(1, batch * channels, height, width)
    return F.conv2d(joined, weight, padding=kernels.shape[-1] // 2, groups=batch * channels).reshape(images.shape)


def _kernel_gradient(images: Tensor, gradient: Tensor, taps: int) -> Tensor:
    height = images.shape[2]
    padded = F.pad(images, (taps // 2,) * 4)  # (B, C, H + k - 1, W + k - 1)
    lines = gradient.flatten(1, 2)  # (B, C H, W)
    rows = []
    for row in range(taps):
        products = padded[:, :, row : row + height].flatten(1, 2).mT @ lines  # (B, W + k - 1, W)
        rows.append(torch.stack([products.diagonal(-tap, 1, 2).sum(-1) for tap in range(taps)], 1))
    return torch.stack(rows, 1)  # (B, k, k)
