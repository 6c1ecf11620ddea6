"""Every image's own filter: what autograd says of plain convolutions, values and gradients."""

import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from mobile_robust.layers.per_sample_filter import per_sample_filter2d


def one_by_one(images: torch.Tensor, kernels: torch.Tensor) -> torch.Tensor:
    pairs = zip(images, kernels, strict=True)
    return torch.stack([F.conv2d(x[:, None], k[None, None], padding=k.shape[-1] // 2)[:, 0] for x, k in pairs])


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3, 5]))
def test_values_and_gradients(batch: int, channels: int, height: int, width: int, taps: int) -> None:
    random = torch.Generator().manual_seed(height * 10 + width)
    images = torch.randn(batch, channels, height, width, generator=random, dtype=torch.float64, requires_grad=True)
    kernels = torch.randn(batch, taps, taps, generator=random, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(images.shape, generator=random, dtype=torch.float64)
    results = [f(images, kernels) for f in (per_sample_filter2d, one_by_one)]
    assert torch.allclose(*results)
    gradients = [torch.autograd.grad((result * weight).sum(), (images, kernels)) for result in results]
    for got, expected in zip(*gradients, strict=True):
        assert torch.allclose(got, expected)


def test_an_image_that_needs_no_gradient_gets_none() -> None:
    images = torch.rand(2, 3, 4, 4).contiguous(memory_format=torch.channels_last)
    kernels = torch.rand(2, 5, 5, requires_grad=True)
    per_sample_filter2d(images, kernels).sum().backward()
    assert images.grad is None and kernels.grad is not None
