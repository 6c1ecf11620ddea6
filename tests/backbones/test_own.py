"""The networks that timm lacks: the papers' sizes, the published files' names, both forms equal."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mobile_robust.backbones.create import NETWORKS, create_network
from mobile_robust.backbones.split import cut
from mobile_robust.errors import InputError
from tests.randomize import randomize, relative_error


def parameters(network: nn.Module, *layers: str) -> int:
    return sum(p.numel() for layer in layers or ("",) for p in network.get_submodule(layer).parameters())


def test_the_all_convolutional_network_has_the_papers_counts() -> None:
    network = create_network("all_conv", {}, None, 0)
    assert parameters(network) == 1_389_804
    for k, fine_tuned in ((1, 2_880), (3, 169_344), (6, 1_000_512)):
        layers = [f"{kind}{i}" for i in range(1, k + 1) for kind in ("conv", "bn")]
        assert parameters(network, *layers) == fine_tuned
    # what Deepcorr-kc trains more than Deepcorr-k in Table 3: the last three layers
    last = [f"{kind}{i}" for i in (7, 8, 9) for kind in ("conv", "bn")]
    assert parameters(network, *last) == 470_246 - 80_954
    assert [c.out_channels for c in network.modules() if isinstance(c, nn.Conv2d)] == [96] * 3 + [192] * 5 + [100]


def test_alexnet_has_the_papers_strides_and_its_own_widths() -> None:
    network = create_network("alexnet", {}, None, 0)
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert [c.out_channels for c in convolutions] == [64, 192, 384, 256, 256]
    sides = []
    for convolution in convolutions:
        convolution.register_forward_hook(lambda module, inputs, output: sides.append(output.shape[-1]))
    assert network(torch.rand(1, 3, 224, 224)).shape == (1, 1000)
    assert sides == [55, 27, 13, 13, 13]


def test_resnet20_has_the_published_names_and_size() -> None:
    network = create_network("cifar_resnet20", {}, None, 0)
    assert parameters(network) == 269_722  # 0.27 M
    state = network.state_dict()
    assert {"conv1.weight", "bn1.running_var", "layer3.2.bn2.bias", "linear.weight", "linear.bias"} < {*state}
    assert not [name for name in state if "downsample" in name or "shortcut" in name]
    assert state["layer2.0.conv1.weight"].shape == (32, 16, 3, 3)


def test_where_resnet20_grows_the_shortcut_is_every_second_pixel_between_zero_channels() -> None:
    block = randomize(create_network("cifar_resnet20", {}, None, 0)).layer2[0]
    x = torch.rand(2, 16, 8, 8)
    branch = block.bn2(block.conv2(F.relu(block.bn1(block.conv1(x)))))
    branch[:, 8:24] += x[:, :, ::2, ::2]
    assert torch.allclose(block(x), F.relu(branch), atol=1e-6)


@pytest.mark.parametrize(
    ("name", "layer", "side"), [("all_conv", "bn1", 32), ("cifar_resnet20", "bn1", 32), ("alexnet", "features.1", 96)]
)
def test_the_deploy_form_is_equal(name: str, layer: str, side: int) -> None:
    backbone = cut(randomize(create_network(name, {"num_classes": 7}, None, 0)), name, layer)
    image = torch.rand(2, 3, side, side)
    deployed = backbone.deployed()
    expected = backbone.network(image)
    assert expected.shape == (2, 7)
    assert relative_error(expected, deployed.tail(deployed.stem(image))) < 1e-5
    assert not [m for m in (*deployed.stem.modules(), *deployed.tail.modules()) if isinstance(m, nn.BatchNorm2d)]


@pytest.mark.parametrize("name", ["all_conv", "cifar_resnet20"])
def test_random_weights_depend_on_the_seed_alone(name: str) -> None:
    states = [create_network(name, {}, None, seed).state_dict() for seed in (3, 3, 4)]
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    assert any(not torch.equal(states[0][key], states[2][key]) for key in states[0])


@pytest.mark.parametrize("name", NETWORKS)
def test_bad_options_and_timm_weights_are_named(name: str) -> None:
    with pytest.raises(InputError, match=f"unknown option of backbone {name} 'width'; known: num_classes"):
        create_network(name, {"width": 2}, None, 0)
    for wrong in ("ten", -3):
        with pytest.raises(InputError, match=rf"backbone {name}: options .*num_classes.* not accepted: \w+Error"):
            create_network(name, {"num_classes": wrong}, None, 0)
    with pytest.raises(InputError, match=f"weights timm:{name}: {name} is not one of timm's networks"):
        create_network(name, {}, name, 0)


def test_close_matches_are_looked_for_here_too() -> None:
    with pytest.raises(InputError, match="unknown backbone 'cifar_resnet2O'; close matches: .*cifar_resnet20"):
        create_network("cifar_resnet2O", {}, None, 0)
