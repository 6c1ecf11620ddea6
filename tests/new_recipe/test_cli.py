"""``mobile-robust new`` as a user runs it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from mobile_robust.backbones.create import create_network
from mobile_robust.errors import InputError
from mobile_robust.new_recipe.cli import main
from mobile_robust.pipelines import build_pipeline
from mobile_robust.recipes import load_recipe


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of a network that knows seven classes."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "mine.safetensors"
    save_file(create_network("test_resnet", {"num_classes": 7}, None, 3).state_dict(), path)
    return path


def test_the_recipe_loads_builds_and_has_the_weights(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (weights.parent / "names.txt").write_text("".join(f"class {i}\n" for i in range(7)))
    line = ["test_resnet", "--weights", weights.name, "--module", "afd", "--classes", "names.txt", "--size", "64"]
    assert main([*line, "--out", "mine.toml"]) == 0
    said = capsys.readouterr().out
    recipe = load_recipe("mine.toml")
    assert recipe.backbone is not None and recipe.backbone.options == {"num_classes": 7}
    assert recipe.backbone.layer == "conv1.2" and recipe.input.size == 64 and recipe.method == "afd"
    assert recipe.backbone.classes == str(weights.parent / "names.txt")
    assert 'weights = "mine.safetensors"' in Path("mine.toml").read_text()
    network = create_network("test_resnet", {"num_classes": 7}, None, 3)
    pipeline, image = build_pipeline(recipe), torch.rand(1, 3, 64, 64) * 255
    torch.testing.assert_close(pipeline.baseline(image), network(pipeline.normalize(image)), rtol=1e-4, atol=1e-4)
    assert "conv1.2 *" in said and "mine.toml: written; it builds" in said
    assert "mobile-robust train afd mine.toml" in said and re.search(r"the module adds .* \(\+\d+%\)", said)


def test_without_weights_it_is_for_latency_and_the_file_has_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["test_resnet"]) == 0
    said = capsys.readouterr().out
    assert load_recipe("film_test_resnet.toml").method == "film"
    assert (
        "the weights are random" in said and "timm test_resnet.r160_in1k" in said and "mobile-robust train" not in said
    )


def test_a_file_that_is_there_is_replaced_with_force_only(weights: Path) -> None:
    out = weights.with_name("r.toml")
    out.write_text("mine")
    line = ["test_resnet", "--module", "none", "--size", "64", "--out", str(out)]
    with pytest.raises(InputError, match=r"r\.toml: is there already; give --force"):
        main(line)
    assert out.read_text() == "mine"
    assert main([*line, "--force"]) == 0 and load_recipe(str(out)).method == "none"


def test_where_a_module_has_no_insertion_point_another_one_is_chosen_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["test_vit", "--module", "afd"]) == 0
    recipe = load_recipe("sympie_test_vit.toml")
    assert recipe.method == "sympie" and recipe.backbone is not None and recipe.backbone.layer is None
    said = capsys.readouterr()
    assert (
        "afd has no insertion point: no layer's output is what it can take" in said.out
        and "sympie_test_vit.toml: written" in said.out
    )
    assert "warning: --module afd has no insertion point in test_vit: the recipe is for sympie" in said.err
    with pytest.raises(InputError, match=r"sympie_test_vit\.toml: is there already"):
        main(["test_vit", "--module", "afd"])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (["test_resnot"], "unknown backbone 'test_resnot'; close matches: "),
        (
            ["test_resnet", "--module", "deepcorrect"],
            r"--module deepcorrect: .*no default layers.*; try .*--module dir, fidelity, film",
        ),
        (["test_resnet", "--weights", "no.safetensors"], "weights file no.safetensors: no such file"),
        (["test_resnet18", "--weights", "mine.safetensors"], "unknown backbone"),
        (["test_efficientnet", "--weights", "mine.safetensors"], "mine.safetensors does not fit backbone"),
        (["test_resnet", "--out", "a b.toml"], r"--out a b\.toml: the file names the recipe; name: "),
        (["test_resnet", "--out", "r.json"], r"--out r\.json: the file's name must end with \.toml"),
        (["test_resnet", "--size", "1"], "--size 1: give N or HxW"),
        (["test_resnet", "--labels", "names"], "--labels names: of the photos in --images DIR, which is missing"),
        (
            ["test_resnet", "--classes", "two.txt"],
            r"--classes two\.txt: has 2 names, but test_resnet knows 1000 classes",
        ),
    ],
)
def test_mistakes_are_named_and_nothing_is_written(weights: Path, line: list[str], message: str) -> None:
    (weights.parent / "two.txt").write_text("a\nb\n")
    with pytest.raises(InputError, match=message):
        main(line)
    assert not list(weights.parent.glob("*.toml"))


def test_photos_must_be_enough_and_their_labels_the_networks(weights: Path, photos: Path) -> None:
    line = ["test_resnet", "--weights", str(weights), "--size", "64", "--images", str(photos)]
    with pytest.raises(InputError, match=r"6 photos; give 8 or more"):
        main(line)
    (table := weights.with_name("l.csv")).write_text(
        "file,label\n" + "".join(f"{p.name},{8 if p.stem == '3' else 0}\n" for p in sorted(photos.iterdir()))
    )
    with pytest.raises(InputError, match=r"has label 8, but test_resnet knows the classes 0 to 6"):
        main([*line, "--labels", str(table)])


@pytest.mark.slow
def test_it_is_found_out_how_real_weights_were_fed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The weights that ship are TensorFlow's; nothing in the file says so. Right is what they say when fed so."""
    from PIL import Image

    from mobile_robust.data.images import built_in_photos, centre_crop
    from mobile_robust.recipes import shipped_weights
    from mobile_robust.state_dicts import apply_state, read_state

    monkeypatch.chdir(tmp_path)
    weights = shipped_weights("mobilenetv2_100_tf.safetensors")
    assert weights is not None
    network = create_network("mobilenetv2_100", {"pad_type": "same", "bn_eps": 1e-3}, None, 0)
    apply_state(network, read_state(weights), weights, "the network")
    (folder := tmp_path / "photos").mkdir()
    lines = ["file,label"]
    for index, photo in enumerate(built_in_photos((256, 256), 48)[::2]):
        Image.fromarray(photo).save(folder / f"{index}.png")
        image = torch.from_numpy(centre_crop(photo, (224, 224))).permute(2, 0, 1)[None] / 127.5 - 1
        with torch.no_grad():
            lines.append(f"{index}.png,{int(network(image).argmax())}")
    Path("labels.csv").write_text("\n".join(lines) + "\n")
    line = ["mobilenetv2_100", "--weights", str(weights), "--images", "photos", "--labels", "labels.csv"]
    assert main([*line, "--module", "none"]) == 0
    recipe = load_recipe("none_mobilenetv2_100.toml")
    assert recipe.backbone is not None and recipe.backbone.options == {"pad_type": "same", "bn_eps": 1e-3}
    assert recipe.input.mean == recipe.input.std == (0.5, 0.5, 0.5)
    assert "100%" in capsys.readouterr().out
