"""Any timm classifier is cut in two that together are the network."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mobile_robust import backbones
from mobile_robust.backbones import create_backbone, create_network, split
from mobile_robust.errors import InputError
from tests.modules.randomize import randomize, relative_error

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
    backbone = create_backbone(randomize(network(name)), name, None)
    assert backbone.layer == layer
    repaired = backbone.stem(IMAGE)
    assert repaired.shape[1:] == features
    expected = backbone.network(IMAGE)
    assert torch.equal(backbone.tail(repaired), expected)
    assert not torch.equal(backbone.tail(repaired * 1.1), expected)
    halves = {*backbone.stem.state_dict()} | {*backbone.tail.state_dict()}
    assert halves == {*backbone.network.state_dict()}


def test_the_stem_ends_behind_the_layers_activation() -> None:
    backbone = create_backbone(network("resnet50"), "resnet50", None)
    assert backbone.stem(IMAGE).min() == 0


@pytest.mark.parametrize("name", ["mobilenetv2_100", "resnet50", "repvgg_a2"])
def test_the_deploy_form_is_equal_and_has_no_norms(name: str) -> None:
    backbone = create_backbone(randomize(network(name)).double(), name, None)
    deployed = backbone.deploy()
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
        create_backbone(network("resnet50"), "resnet50", "layer1.0.act")


def test_a_layer_with_a_way_around_is_no_clean_cut() -> None:
    with pytest.raises(InputError, match=r"'layer1\.0\.conv2' of resnet50 is no clean cut: .* choose another"):
        create_backbone(network("resnet50"), "resnet50", "layer1.0.conv2")
    create_backbone(network("resnet50"), "resnet50", "layer1.0")


def test_a_backbone_without_default_lists_its_first_layers() -> None:
    net = network("test_efficientnet")
    with pytest.raises(InputError, match=r"set backbone\.layer; its first layers are conv_stem, bn1, blocks"):
        create_backbone(net, "test_efficientnet", None)
    create_backbone(net, "test_efficientnet", "bn1")


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

    monkeypatch.setattr(backbones.timm, "create_model", offline)
    with pytest.raises(InputError, match="weights timm:mobilenetv2_050 are of another network"):
        create_network("mobilenetv2_100", {}, "mobilenetv2_050", 0)
    with pytest.raises(InputError, match="unknown backbone 'mobilenetv2_10'; close matches: .*mobilenetv2_100"):
        create_network("mobilenetv2_100", {}, "mobilenetv2_10", 0)
    with pytest.raises(InputError, match="weights timm:mobilenetv2_100.ra_in1k could not be loaded: no network"):
        create_network("mobilenetv2_100", {}, "mobilenetv2_100.ra_in1k", 0)
