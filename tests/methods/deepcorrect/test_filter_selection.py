"""Options of DeepCorrect, and which filters they choose."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobile_robust.backbones.create import create_network
from mobile_robust.errors import InputError
from mobile_robust.methods.deepcorrect.filter_selection import choose_filters, updated_layers
from mobile_robust.methods.deepcorrect.method import DeepCorrectOptions
from mobile_robust.recipes import load_recipe

NAME = "cifar_resnet20"


def chosen(options: dict, ranking: dict[str, list[int]] | None = None) -> dict[str, tuple[int, ...]]:
    network, read = create_network(NAME, {}, None, 0), DeepCorrectOptions(**options)
    filters = choose_filters(network, NAME, read, ranking)
    updated_layers(network, NAME, read.update, [*filters])
    return {layer: choice.selected for layer, choice in filters.items()}


def test_a_share_or_a_number_of_every_layer() -> None:
    layers = ["conv1", "layer2.0.conv1"]
    assert [*map(len, chosen({"layers": layers}).values())] == [8, 16]
    assert [*map(len, chosen({"layers": layers, "beta": [3, 0.25]}).values())] == [3, 8]
    assert chosen({"layers": ["conv1"], "beta": 2}, {"conv1": [5, 3, 1]}) == {"conv1": (5, 3)}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": ["bn1"]}, "unknown convolution of cifar_resnet20 'bn1'; close matches"),
        ({}, "cifar_resnet20: no default layers to correct"),
        ({"layers": ["conv1"], "beta": 0.0}, "options.beta of layer 'conv1': must be a share"),
        ({"layers": ["conv1"], "beta": 17}, "number of filters from 1 to 16, got 17"),
        ({"layers": ["conv1"], "beta": [0.5, 0.5]}, "options.beta: 2 values for 1 layers: conv1"),
        (
            {"layers": ["layer1.0.conv1"], "update": ["layer1"]},
            "'layer1' contains 'layer1.0.conv1', which is corrected",
        ),
        ({"layers": ["conv1"], "update": ["layer1.0", "layer1.0.bn1"]}, "'layer1.0' contains 'layer1.0.bn1', which is"),
        (
            {"layers": ["conv1"], "update": ["lienar"]},
            "unknown layer of cifar_resnet20 'lienar'; close matches: linear",
        ),
    ],
)
def test_what_does_not_fit_the_network_is_named(options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        chosen(options)


@pytest.mark.parametrize("order", [[], [0, 1, 2], [*range(15), 16], [*range(15), 0]])
def test_a_ranking_must_fit(order: list[int]) -> None:
    with pytest.raises(InputError, match="ranking of layer 'conv1' of cifar_resnet20: needed are 8 or more different"):
        chosen({"layers": ["conv1"]}, {"conv1": order})


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('layers = ["conv1", "conv1"]', "options.layers: must be a list of different layer names"),
        ('layers = [""]', "options.layers: must be a list of different layer names"),
        ("layers = []", "options.layers: Value should have at least 1 item"),
        ("beta = true", "options.beta"),
    ],
)
def test_a_wrong_option_is_named_with_its_line(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f'method = "deepcorrect"\nscope = "pipeline"\n[backbone]\nname = "{NAME}"\n[options]\n{line}\n')
    with pytest.raises(InputError) as refused:
        load_recipe(str(path))
    assert f"{path}, line 6: {message}" in str(refused.value)
