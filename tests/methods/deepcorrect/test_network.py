"""DeepCorrect: the paper's sizes, both forms equal by themselves and in whole networks, the deploy form plain."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from mobile_robust.backbones.create import create_network
from mobile_robust.backbones.split import deploy_network
from mobile_robust.contracts.recipe import Recipe
from mobile_robust.errors import InputError
from mobile_robust.layers.deploy import deployed
from mobile_robust.methods.deepcorrect.method import DeepCorrectOptions
from mobile_robust.methods.deepcorrect.network import VARIANTS, CorrectionUnit, DeepCorrect, build
from mobile_robust.methods.pipeline import EditedLayer, insert
from mobile_robust.methods.site import Site
from tests.methods.deepcorrect.rankings import write_ranking
from tests.randomize import randomize, relative_error

#: Filters and ranked filters of the paper's AlexNet, and the side of each layer's output.
ALEXNET = [(96, 72, 55), (256, 192, 27), (384, 192, 13), (384, 192, 13), (256, 128, 13)]
#: Table 10: parameters, and FLOPs as printed, by unit.
TABLE_10 = {
    "critically_wide": ((270_288, 739_200, 739_200, 739_200, 328_960), "8.16e8 5.38e8 1.24e8 1.24e8 5.54e7", 2.81e6),
    "lite": ((314_568, 345_408, 345_408, 345_408, 328_960), "9.49e8 2.51e8 5.82e7 5.82e7 5.54e7", 1.67e6),
    "bottleneck": ((40_680, 287_040, 287_040, 287_040, 127_872), "1.22e8 2.08e8 4.83e7 4.83e7 2.15e7", 1.03e6),
}
EACH = pytest.mark.parametrize("variant", VARIANTS)


def unit_of(variant: str = "bottleneck", channels: int = 12, first: bool = True, batch_norm: bool = True) -> nn.Module:
    torch.manual_seed(0)
    return randomize(CorrectionUnit(channels, (7, 2, 11, 3, 0), variant, first, batch_norm))


def built(network: nn.Module, name: str, options: dict, ranking: Path | None = None) -> DeepCorrect:
    """The module for a network of small images."""
    weights = {"ranking": str(ranking)} if ranking else {}
    fields = {"scope": "pipeline", "backbone": {"name": name}, "input": {"size": 64}, "weights": weights}
    recipe = Recipe.model_validate({"name": "test", "method": "deepcorrect", **fields})
    return build(Site(recipe, network), DeepCorrectOptions(**options))


def features(dtype: torch.dtype = torch.float64, channels: int = 12) -> torch.Tensor:
    return torch.randn(2, channels, 9, 10, dtype=dtype, generator=torch.Generator().manual_seed(1))


@EACH
def test_the_papers_sizes(variant: str) -> None:
    parameters, printed, total = TABLE_10[variant]
    units = [CorrectionUnit(all_, range(n), variant, i == 0) for i, (all_, n, _) in enumerate(ALEXNET)]
    counted = [sum(p.numel() for p in unit.parameters()) for unit in units]
    assert tuple(counted) == parameters
    # the paper cuts off after three digits, and counts a bias as one more multiply-accumulate
    for unit, (_, _, side), flops in zip(units, ALEXNET, printed.split(), strict=True):
        macs = side**2 * sum(p.numel() for m in unit.modules() if isinstance(m, nn.Conv2d) for p in m.parameters())
        assert f"{macs:d}"[:3] == flops[0] + flops[2:4] and len(f"{macs:d}") == int(flops[-1]) + 1
    assert abs(sum(counted) - total) < 0.01e6


@EACH
def test_what_the_unit_of_the_first_layer_sees(variant: str) -> None:
    """Footnote a: the dilated pair sees 7x7; the bottleneck's further 3x3 adds one pixel around it."""
    unit = unit_of(variant, first=True, batch_norm=False).double()
    image = torch.zeros(1, 12, 21, 21, dtype=torch.float64, requires_grad=True)
    for p in unit.parameters():
        p.data.abs_()  # so that no ReLU hides a pixel
    unit(image)[0, 7, 10, 10].backward()
    assert image.grad is not None
    seen = image.grad[0, 2].nonzero()
    assert int(seen.max() - seen.min()) + 1 == {"critically_wide": 9, "lite": 7, "bottleneck": 9}[variant]


@EACH
@pytest.mark.parametrize("batch_norm", [True, False])
def test_both_forms_of_a_unit_are_equal(variant: str, batch_norm: bool) -> None:
    unit, x = unit_of(variant, batch_norm=batch_norm), features(torch.float32)
    expected, got = unit(x), deployed(unit)(x)
    assert relative_error(expected, got) < 1e-5
    changed = (expected - x).abs().amax((0, 2, 3)) > 1e-3
    assert changed.nonzero().flatten().tolist() == [0, 2, 3, 7, 11]  # the selected ones, all of them
    untouched = [1, 4, 5, 6, 8, 9, 10]
    assert torch.equal(got[:, untouched], x[:, untouched])


def test_the_deploy_form_is_plain() -> None:
    graph = torch.export.export(deployed(unit_of()), (features(torch.float32),)).graph
    called = {node.target.overloadpacket.__name__ for node in graph.nodes if node.op == "call_function"}
    assert called == {"conv2d", "relu", "add"}


def test_weights_bring_their_ranking() -> None:
    unit, other = unit_of(), CorrectionUnit(12, range(5), "bottleneck", True).eval()
    other.load_state_dict(unit.state_dict())
    assert other.selected.tolist() == [7, 2, 11, 3, 0]
    assert torch.equal(unit(features(torch.float32)), other(features(torch.float32)))


@pytest.mark.parametrize("selected", [[7, 2, 11, 3, 3], [7, 2, 12, 3, 0], [7, 2, -1, 3, 0]])
def test_weights_with_a_selection_that_does_not_fit_are_refused(selected: list[int]) -> None:
    unit = unit_of()
    unit.selected.copy_(torch.tensor(selected))
    for refuse in (DeepCorrect({"conv1": unit}).check_state, lambda: deployed(unit)):
        with pytest.raises(InputError, match="selected filters are not 5 different ones of 12"):
            refuse()


def test_a_corrected_layer_may_be_trained_along() -> None:
    network = create_network("cifar_resnet20", {}, None, 0)
    module = built(network, "cifar_resnet20", {"layers": ["conv1"], "update": ["conv1"]})
    corrected = insert(module, network, "cifar_resnet20", module.layers)
    assert corrected.conv1.layer is module.updated["conv1"] and corrected.conv1.layer is not network.conv1


@pytest.mark.parametrize("gamma", [1.0, -0.6, 0.0, 1e-7])
@pytest.mark.parametrize("affine", [True, False])
def test_the_norm_behind_is_folded_even_where_it_cannot_be_undone(gamma: float, affine: bool) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 12, 3, padding=1, bias=False), nn.BatchNorm2d(12, affine=affine), nn.ReLU())
    module = DeepCorrect({"0": CorrectionUnit(12, (7, 2, 11), first=True)})
    network = insert(module, network, "it", module.layers)
    norm = network[1]
    image = torch.rand(2, 3, 9, 10, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 1e-6)):
        randomize(network.to(dtype))
        if affine:
            norm.weight[2] = gamma  # one of those the unit reads
            norm.weight[4] = 0  # not read by the unit: of no concern
        form = deploy_network(network, "it")
        assert relative_error(network(image.to(dtype)), form(image.to(dtype))) < tolerance
        assert not [m for m in form.modules() if isinstance(m, nn.BatchNorm2d)]
        assert (form.get_submodule("0").editor.keep is not None) == (affine and abs(gamma) < 0.2)
    assert isinstance(network[0].editor, CorrectionUnit)  # the network keeps its training form


NETWORKS = [
    ("alexnet", {}, 96),
    ("all_conv", {"variant": "critically_wide", "update": ["conv7", "bn7", "conv8", "bn8", "conv9", "bn9"]}, 32),
    ("cifar_resnet20", {"layers": ["conv1", "layer1.0.conv1", "layer2.0.conv2", "layer3.1.conv2"]}, 32),
    ("resnet18", {"layers": ["conv1", "layer2.0.conv2"], "beta": [0.25, 9], "variant": "lite"}, 64),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options", "side"), NETWORKS)
def test_both_forms_of_a_whole_network_are_equal(name: str, options: dict, side: int) -> None:
    network = randomize(create_network(name, {}, None, 0))
    torch.manual_seed(1)
    module = randomize(built(network, name, options), seed=1)
    for unit in module.units.values():
        unit.selected.copy_(unit.channels - 1 - unit.selected)  # the last filters, backwards
    image = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0))
    baseline = network(image)
    corrected = insert(module, network, name, module.layers)
    expected = corrected(image)
    assert torch.equal(network(image), baseline)
    assert relative_error(baseline, expected) > 0.01  # the units do something
    for layer in module.layers:
        inserted = corrected.get_submodule(layer)
        assert isinstance(inserted, EditedLayer) and inserted.editor is module.editor(layer)
    for layer in module.updated_layers:
        assert corrected.get_submodule(layer) is not network.get_submodule(layer)
    for dtype, tolerance in ((torch.float32, 1e-5), (torch.float64, 1e-12)):
        form = deploy_network(corrected.to(dtype), name)
        assert not [m for m in form.modules() if isinstance(m, nn.BatchNorm2d)]
        assert relative_error(corrected(image.to(dtype)), form(image.to(dtype))) < tolerance


def test_gradients_reach_the_units_and_what_is_trained_along_and_nothing_else() -> None:
    network = create_network("cifar_resnet20", {}, None, 0).requires_grad_(False)
    module = built(network, "cifar_resnet20", {"layers": ["conv1"], "update": ["linear"]}).requires_grad_(True)
    corrected = insert(module, network, "cifar_resnet20", module.layers)
    corrected(torch.rand(2, 3, 32, 32)).square().mean().backward()
    learning = {id(p) for p in corrected.parameters() if p.grad is not None}
    assert learning == {id(p) for p in module.parameters()}
    assert not [p for p in network.parameters() if p.grad is not None]


def test_the_papers_layers_and_shares_are_the_defaults(tmp_path: Path) -> None:
    network = create_network("alexnet", {}, None, 0)
    module = built(network, "alexnet", {})
    assert [unit.selected.numel() for unit in module.units.values()] == [48, 144, 192, 128, 128]
    assert module.layers == ("features.0", "features.3", "features.6", "features.8", "features.10")
    ranking = write_ranking(tmp_path / "r.json", {"features.0": tuple(map(float, range(64)))})
    one = built(network, "alexnet", {"layers": ["features.0"]}, ranking)
    assert one.editor("features.0").selected.tolist() == [*range(63, 31, -1)]
    assert {*one.state_dict()} > {"units.features_0.selected", "units.features_0.residual.0.weight"}
