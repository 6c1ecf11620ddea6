"""Any timm classifier is cut in two that together are the network."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from mobile_robust.backbones.create import NETWORKS, create_network
from mobile_robust.backbones.split import cut, deploy_network, prefix_suffix, split
from mobile_robust.errors import InputError
from tests.randomize import randomize, relative_error

IMAGE = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def network(name: str) -> nn.Module:
    return create_network(name, {"num_classes": 10}, None, 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "layer", "features"),
    [
        ("mobilenetv2_100", "bn1", (32, 32, 32)),
        ("resnet18", "act1", (64, 32, 32)),
        ("repvgg_a0", "stem", (48, 32, 32)),
        ("all_conv", "bn1", (96, 64, 64)),
        ("cifar_resnet20", "bn1", (16, 64, 64)),
        ("alexnet", "features.1", (64, 15, 15)),
    ],
)
def test_stem_and_tail_are_the_network_in_both_forms(name: str, layer: str, features: tuple[int, ...]) -> None:
    backbone = cut(randomize(network(name)).double(), name, layer)
    image = IMAGE.double()
    repaired = backbone.stem(image)
    assert backbone.layer == layer and repaired.shape[1:] == features
    assert name in NETWORKS or repaired.min() == 0  # the papers' points are behind the layer's activation
    expected = backbone.network(image)
    assert torch.equal(backbone.tail(repaired), expected)
    assert not torch.equal(backbone.tail(repaired * 1.1), expected)
    assert {*backbone.stem.state_dict(), *backbone.tail.state_dict()} == {*backbone.network.state_dict()}
    deployed = backbone.deployed()
    assert relative_error(repaired, deployed.stem(image)) < 1e-10
    assert relative_error(expected, deployed.tail(deployed.stem(image))) < 1e-10
    assert not [m for m in (*deployed.stem.modules(), *deployed.tail.modules()) if isinstance(m, nn.BatchNorm2d)]


class Odd(nn.Module):
    """Branches on its image where ``branches``, and has layers that see no image or are never called."""

    def __init__(self, branches: bool = False) -> None:
        super().__init__()
        self.branches = branches
        self.inner, self.blind, self.unused = nn.ReLU(), nn.ReLU(), nn.ReLU()
        self.constant = nn.Parameter(torch.ones(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x if self.branches and x.sum() > 0 else self.inner(x) + self.blind(self.constant)


@pytest.mark.parametrize(
    ("name", "layer", "message"),
    [
        ("resnet18", "layer1.0.act", r"unknown layer of resnet18 'layer1\.0\.act'; close .*layer1\.0\.act1"),
        ("resnet18", "layer1.0.conv2", r"'layer1\.0\.conv2' of resnet18 is no clean cut: .* choose another"),
    ],
)
def test_where_a_network_cannot_be_cut_is_named(name: str, layer: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        cut(network(name), name, layer)


@pytest.mark.parametrize("divide", [split, prefix_suffix])
@pytest.mark.parametrize(
    ("branches", "layer", "message"),
    [
        (False, "innre", "unknown layer of it 'innre'; known: blind, inner, unused"),
        (False, "unused", "'unused' of it is never called"),
        (False, "blind", "'blind' of it does not see the image"),
        (True, "inner", r"backbone it cannot be split: torch\.fx does not trace it"),
    ],
)
def test_what_cannot_be_divided_is_named(divide: Callable, branches: bool, layer: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        divide(Odd(branches), layer, "it")


@pytest.mark.parametrize(
    ("name", "layer", "around"),
    [
        ("resnet18", "layer1.0.conv2", 1),  # the block's own shortcut
        ("resnet18", "layer2.1.conv1", 1),
        ("resnet18", "conv1", 0),
        ("mobilenetv2_100", "blocks.1.1.conv_dw", 1),
        ("densenet121", "features.denseblock1.denselayer2.conv1", 2),
        ("cifar_resnet20", "layer2.0.conv2", 1),
        ("alexnet", "features.6", 0),
    ],
)
def test_prefix_and_suffix_are_the_network_at_any_layer(name: str, layer: str, around: int) -> None:
    net = randomize(network(name))
    prefix, suffix = prefix_suffix(net, layer, name)
    values = prefix(IMAGE)
    assert len(values) == around + 1
    seen = []
    # cloned, for AlexNet's ReLUs work in place
    net.get_submodule(layer).register_forward_hook(lambda module, inputs, output: seen.append(output.clone()))
    expected = net(IMAGE)
    assert torch.equal(values[-1], seen[0])
    assert torch.equal(suffix(*values), expected)
    assert not torch.equal(suffix(*values[:-1], values[-1] * 1.1), expected)
    halves = {*prefix.state_dict()} | {*suffix.state_dict()}
    assert halves == {*net.state_dict()} and layer not in {n for n, _ in suffix.named_modules()}


def test_the_suffix_holds_only_what_depends_on_the_layer() -> None:
    """The shortcut's own convolution is called behind conv2, yet need not be done again for every swapped filter."""
    prefix, suffix = prefix_suffix(network("resnet18"), "layer2.0.conv2", "resnet18")
    assert "layer2.0.downsample.0" in {n for n, _ in prefix.named_modules()}
    assert "layer2.0.downsample.0" not in {n for n, _ in suffix.named_modules()}


class Absorbing(nn.Module):
    """Multiplies by 2, and takes up the norm behind it where it may."""

    def __init__(self, may: bool) -> None:
        super().__init__()
        self.may = may
        self.after: nn.Module = nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.after(x * 2)

    def fold_following_batchnorm(self, norm: nn.BatchNorm2d) -> bool:
        if self.may:
            self.after = nn.Sequential(norm)
        return self.may


@pytest.mark.parametrize("may", [True, False])
def test_a_layer_that_takes_up_norms_is_asked(may: bool) -> None:
    net = randomize(nn.Sequential(Absorbing(may), nn.BatchNorm2d(3)))
    deployed = deploy_network(net, "it")
    assert torch.equal(deployed(IMAGE), net(IMAGE))
    assert ("1" in dict(deployed.named_children())) == (not may)
    assert isinstance(net[0].after, nn.Identity)  # the network itself stays as it is
