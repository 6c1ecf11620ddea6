"""The errors of a frozen network's maps, and how their gradients lie in memory."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from timm import create_model
from torch import Tensor, fx

from mobile_robust.backbones.split import trace_ends
from mobile_robust.layers.strided_depthwise import StridedDepthwise
from mobile_robust.methods.feature_maps import TailMaps, relative_error, relative_errors


def maps() -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    x, target = torch.randn(2, 4, 6, 8, 8)
    return x.contiguous(memory_format=torch.channels_last), target.contiguous(memory_format=torch.channels_last)


def test_errors_are_fractions_of_the_variance() -> None:
    x, target = maps()
    square = (x - target).square().mean((1, 2, 3)) / target.var()
    torch.testing.assert_close(relative_errors(x, target), square)
    torch.testing.assert_close(relative_error(x, target), square.mean())
    logits = torch.randn(4, 10), torch.randn(4, 10)
    expected = (logits[0] - logits[1]).square().mean() / logits[1].var()
    torch.testing.assert_close(relative_error(*logits), expected)


@pytest.mark.parametrize("error", [relative_error, lambda x, target: relative_errors(x, target).mean()])
def test_the_gradient_is_channels_last_as_the_map_is(error: Callable[[Tensor, Tensor], Tensor]) -> None:
    x, target = maps()
    (gradient,) = torch.autograd.grad(error(x.requires_grad_(), target), x)
    assert gradient.is_contiguous(memory_format=torch.channels_last)
    (expected,) = torch.autograd.grad((x - target).square().mean() / target.var(), x)
    torch.testing.assert_close(gradient, expected)


def test_bfloat16_maps_are_compared_in_float32() -> None:
    x, target = (each.bfloat16() for each in maps())
    assert relative_error(x, target) == relative_error(x.float(), target.float())


def test_the_maps_are_the_networks_own_and_nothing_of_it_learns() -> None:
    network = create_model("mobilenetv2_035", pad_type="same").eval()
    image = torch.randn(1, 3, 64, 64)
    tail = TailMaps(fx.GraphModule(network, trace_ends(network, (), "mobilenetv2")[0]), image)
    assert any(isinstance(layer, StridedDepthwise) for layer in tail.modules())
    assert not any(isinstance(layer, StridedDepthwise) for layer in network.modules())
    assert not any(parameter.requires_grad for parameter in tail.parameters())
    with torch.no_grad():
        *found, logits = tail(image)
        torch.testing.assert_close(logits, network(image), rtol=1e-4, atol=1e-5)
    assert [x.shape[-1] for x in found] == sorted({x.shape[-1] for x in found}, reverse=True)
