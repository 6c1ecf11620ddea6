"""Any timm classifier is cut in two that together are the network."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mobile_robust.backbones import create
from mobile_robust.backbones.create import create_network
from mobile_robust.backbones.split import cut, deploy_network, prefix_suffix, split
from mobile_robust.errors import InputError
from tests.randomize import randomize, relative_error

IMAGE = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def network(name: str, **options: object) -> nn.Module:
    return create_network(name, {"num_classes": 10, **options}, None, 0)


@pytest.mark.parametrize(
    ("name", "layer", "features"),
    [
        ("mobilenetv2_100", "bn1", (32, 32, 32)),
        ("resnet50", "act1", (64, 32, 32)),
        ("repvgg_a2", "stem", (64, 32, 32)),
    ],
)
def test_stem_and_tail_are_the_network_at_the_papers_point(name: str, layer: str, features: tuple[int, ...]) -> None:
    backbone = cut(randomize(network(name)), name, None)
    assert backbone.layer == layer
    repaired = backbone.stem(IMAGE)
    assert repaired.shape[1:] == features
    expected = backbone.network(IMAGE)
    assert torch.equal(backbone.tail(repaired), expected)
    assert not torch.equal(backbone.tail(repaired * 1.1), expected)
    halves = {*backbone.stem.state_dict()} | {*backbone.tail.state_dict()}
    assert halves == {*backbone.network.state_dict()}


def test_the_stem_ends_behind_the_layers_activation() -> None:
    backbone = cut(network("resnet50"), "resnet50", None)
    assert backbone.stem(IMAGE).min() == 0


@pytest.mark.parametrize("name", ["mobilenetv2_100", "resnet50", "repvgg_a2"])
def test_the_deploy_form_is_equal_and_has_no_norms(name: str) -> None:
    backbone = cut(randomize(network(name)).double(), name, None)
    deployed = backbone.deployed()
    image = IMAGE.double()
    assert relative_error(backbone.network(image), deployed.tail(deployed.stem(image))) < 1e-10
    assert relative_error(backbone.stem(image), deployed.stem(image)) < 1e-10
    for half, norms in ((backbone, True), (deployed, False)):
        modules = [*half.stem.modules(), *half.tail.modules()]
        assert any(isinstance(m, nn.BatchNorm2d) for m in modules) == norms


@pytest.mark.parametrize("name", ["resnet50", "repvgg_a2", "mobilenetv2_100"])
def test_a_random_network_depends_on_the_seed_alone_and_has_no_dead_branch(name: str) -> None:
    state = torch.random.get_rng_state()
    first, again = (create_network(name, {}, None, 3).state_dict() for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(first[k], again[k]) for k in first)
    other = create_network(name, {}, None, 4).state_dict()
    assert any(not torch.equal(first[k], other[k]) for k in first)
    assert [k for k in first if k.endswith("weight") and not first[k].any()] == []


@pytest.mark.parametrize("name", ["resnet5O", "resnet-50"])
def test_an_unknown_backbone_has_close_matches(name: str) -> None:
    with pytest.raises(InputError, match=rf"unknown backbone '{name}'; close matches: .*\bresnet50\b.* known\)"):
        network(name)


def test_an_unknown_layer_has_close_matches() -> None:
    with pytest.raises(InputError, match=r"unknown layer of resnet50 'layer1\.0\.act'; close .*layer1\.0\.act1"):
        cut(network("resnet50"), "resnet50", "layer1.0.act")


def test_a_layer_with_a_way_around_is_no_clean_cut() -> None:
    with pytest.raises(InputError, match=r"'layer1\.0\.conv2' of resnet50 is no clean cut: .* choose another"):
        cut(network("resnet50"), "resnet50", "layer1.0.conv2")
    cut(network("resnet50"), "resnet50", "layer1.0")


def test_a_backbone_without_default_lists_its_first_layers() -> None:
    net = network("test_efficientnet")
    with pytest.raises(InputError, match=r"set backbone\.layer; its first layers are conv_stem, bn1, blocks"):
        cut(net, "test_efficientnet", None)
    cut(net, "test_efficientnet", "bn1")


class Unused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.used, self.unused = nn.ReLU(), nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.used(x)


class Branching(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x) if x.sum() > 0 else x


def test_a_layer_never_called_and_an_untraceable_network_are_refused() -> None:
    with pytest.raises(InputError, match=r"'unused' of it is never called"):
        split(Unused(), "unused", "it")
    with pytest.raises(InputError, match=r"backbone it cannot be split: torch\.fx does not trace it"):
        split(Branching(), "inner", "it")


@pytest.mark.parametrize(
    "options", [{"nonsense": 1}, {"act_layer": "nope"}, {"num_classes": "ten"}, {"checkpoint_path": "/nowhere"}]
)
def test_options_timm_does_not_take_are_named(options: dict[str, object]) -> None:
    with pytest.raises(InputError, match=rf"backbone mobilenetv2_100: options .*{next(iter(options))}.* not accepted"):
        network("mobilenetv2_100", **options)


def test_timm_weights_must_be_of_the_same_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*args: object, **kwargs: object) -> nn.Module:
        raise OSError("no network")

    monkeypatch.setattr(create.timm, "create_model", offline)
    with pytest.raises(InputError, match="weights timm:mobilenetv2_050 are of another network"):
        create_network("mobilenetv2_100", {}, "mobilenetv2_050", 0)
    with pytest.raises(InputError, match="unknown backbone 'mobilenetv2_10'; close matches: .*mobilenetv2_100"):
        create_network("mobilenetv2_100", {}, "mobilenetv2_10", 0)
    with pytest.raises(InputError, match="weights timm:mobilenetv2_100.ra_in1k could not be loaded: no network"):
        create_network("mobilenetv2_100", {}, "mobilenetv2_100.ra_in1k", 0)


@pytest.mark.parametrize(
    ("name", "layer", "around"),
    [
        ("resnet50", "layer1.0.conv2", 1),  # the block's own shortcut
        ("resnet50", "layer2.1.conv1", 1),
        ("resnet50", "conv1", 0),
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
    prefix, suffix = prefix_suffix(network("resnet50"), "layer2.0.conv2", "resnet50")
    assert "layer2.0.downsample.0" in {n for n, _ in prefix.named_modules()}
    assert "layer2.0.downsample.0" not in {n for n, _ in suffix.named_modules()}


def test_what_has_no_prefix_is_refused() -> None:
    with pytest.raises(InputError, match="unknown layer of it 'innre'; known: inner"):
        prefix_suffix(Branching(), "innre", "it")
    with pytest.raises(InputError, match="does not trace it"):
        prefix_suffix(Branching(), "inner", "it")


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
