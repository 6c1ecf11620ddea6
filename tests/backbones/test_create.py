"""Classifiers by name: timm's, and those it lacks with the papers' sizes and the published files' names."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mobile_robust.backbones import create
from mobile_robust.backbones.create import NETWORKS, create_network
from mobile_robust.errors import InputError
from tests.randomize import randomize


def parameters(network: nn.Module, *layers: str) -> int:
    return sum(p.numel() for layer in layers or ("",) for p in network.get_submodule(layer).parameters())


def widths(network: nn.Module) -> list[int]:
    return [m.out_channels for m in network.modules() if isinstance(m, nn.Conv2d)]


def test_the_all_convolutional_network_has_the_papers_counts() -> None:
    network = create_network("all_conv", {}, None, 0)
    assert parameters(network) == 1_389_804 and widths(network) == [96] * 3 + [192] * 5 + [100]
    # Table 3: fine-tuning layers 1 to k; and what Deepcorr-kc trains more than Deepcorr-k: the last three layers
    for numbers, count in ((range(1, 2), 2_880), (range(1, 4), 169_344), (range(1, 7), 1_000_512),
                           (range(7, 10), 470_246 - 80_954)):  # fmt: skip
        assert parameters(network, *(f"{kind}{i}" for i in numbers for kind in ("conv", "bn"))) == count


def test_alexnet_has_the_papers_strides_and_its_own_widths() -> None:
    network, sides = create_network("alexnet", {}, None, 0), []
    assert widths(network) == [64, 192, 384, 256, 256]
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda module, inputs, output: sides.append(output.shape[-1]))
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


@pytest.mark.parametrize("name", ["all_conv", "cifar_resnet20", "resnet18", "repvgg_a0", "mobilenetv2_100"])
def test_a_random_network_depends_on_the_seed_alone_and_has_no_dead_branch(name: str) -> None:
    before = torch.random.get_rng_state()
    first, again, other = (create_network(name, {}, None, seed).state_dict() for seed in (3, 3, 4))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)
    assert not [key for key in first if key.endswith("weight") and not first[key].any()]


@pytest.mark.parametrize("name", NETWORKS)
def test_bad_options_and_timm_weights_are_named(name: str) -> None:
    with pytest.raises(InputError, match=f"unknown option of backbone {name} 'width'; known: num_classes"):
        create_network(name, {"width": 2}, None, 0)
    for wrong in ("ten", -3, 0, 1, True, 10.0, 10**7):
        with pytest.raises(InputError, match=rf"backbone {name}: options .* not accepted: num_classes must be"):
            create_network(name, {"num_classes": wrong}, None, 0)
    with pytest.raises(InputError, match=f"weights timm:{name}: {name} is not one of timm's networks"):
        create_network(name, {}, name, 0)


OF_WEIGHTS = ("checkpoint_path", "cache_dir", "pretrained", "pretrained_cfg", "pretrained_cfg_overlay")


@pytest.mark.parametrize(
    "options",
    [
        *({"nonsense": 1}, {"act_layer": "nope"}, {"num_classes": "ten"}, {"num_classes": 0}),
        *({name: "x"} for name in OF_WEIGHTS),
    ],
)
def test_options_timm_does_not_take_are_named(options: dict[str, object]) -> None:
    with pytest.raises(InputError, match=rf"backbone mobilenetv2_100: options .*{next(iter(options))}.* not accepted"):
        create_network("mobilenetv2_100", options, None, 0)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("resnet5O", "resnet50"),
        ("RESNET50", "resnet50"),
        ("resnet-50", "resnet50"),
        ("cifar_resnet2O", "cifar_resnet20"),
    ],
)
def test_an_unknown_backbone_has_close_matches(name: str, near: str) -> None:
    with pytest.raises(InputError, match=rf"unknown backbone '{name}'; close matches: .*\b{near}\b.* known\)"):
        create_network(name, {}, None, 0)


@pytest.mark.parametrize("name", ["resnet18.", "resnet18.a1", "resnet18.a1_in1k.x"])
def test_unknown_weights_of_a_network_list_the_known(name: str) -> None:
    with pytest.raises(InputError, match=rf"unknown weights of resnet18 '{name}'; known: .*resnet18\.a1_in1k"):
        create_network(name, {}, None, 0)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("mobilenetv2_050", "weights timm:mobilenetv2_050 are of another network"),
        ("mobilenetv2_10", "unknown backbone 'mobilenetv2_10'; close matches: .*mobilenetv2_100"),
        ("mobilenetv2_100.ra_in1k", "weights timm:mobilenetv2_100.ra_in1k could not be loaded: no network"),
    ],
)
def test_timm_weights_must_be_of_the_same_network(weights: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*args: object, **kwargs: object) -> nn.Module:
        raise OSError("no network")

    monkeypatch.setattr(create.timm, "create_model", offline)
    with pytest.raises(InputError, match=message):
        create_network("mobilenetv2_100", {}, weights, 0)
