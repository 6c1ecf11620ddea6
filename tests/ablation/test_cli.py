"""Ablations as a user runs them: every row trained, scored beside the others, and taken up again."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from mobile_robust.ablation.cli import main
from mobile_robust.contracts.ranking import read_ranking
from mobile_robust.errors import InputError
from mobile_robust.files import output_lock
from mobile_robust.methods.afd import method as afd
from mobile_robust.methods.deepcorrect import method as deepcorrect
from mobile_robust.methods.film import method as film
from mobile_robust.recipes import load_recipe
from tests.methods.deepcorrect.rankings import write_ranking

pytestmark = pytest.mark.slow


def test_every_row_is_trained_and_scored_once(recipes: dict[str, Path], photos: Path, tmp_path: Path) -> None:
    words = ["sympie", recipes["sympie"], "--images", photos, "--holdout", "0.5", "--steps", 4, "--batch", 2]
    words += ["--corruption", "fog:3", "--out", tmp_path / "out", "--jobs", 1, "--threads", 1]
    out = tmp_path / "out"
    with pytest.raises(
        InputError, match="unknown row of the ablation of sympie 'hole'; known: loss_answers, no_closed_form, whole"
    ):
        main([str(word) for word in [*words, "--only", "hole"]])
    assert main([str(word) for word in [*words, "--only", "whole"]]) == 0
    assert [path.name for path in out.glob("*.toml")] == ["whole.toml"]
    before = (out / "whole.safetensors").stat().st_mtime_ns
    assert main([str(word) for word in words]) == 0
    scores = json.loads((out / "scores" / "scores.json").read_text())
    assert [model["model"] for model in scores["models"]] == ["baseline", *["with module"] * 3]
    assert [Path(model["group"]).name for model in scores["models"][1:]] == [
        "whole.toml",
        "no_closed_form.toml",
        "loss_answers.toml",
    ]
    assert "--loss answers" in (out / "loss_answers.md").read_text().replace("\\\n    ", "")
    assert (out / "whole.safetensors").stat().st_mtime_ns == before
    with output_lock(out), pytest.raises(InputError, match="another process is writing it"):
        main([str(word) for word in words])
    words[words.index("--holdout") + 1] = "0.4"
    with pytest.raises(InputError, match="holds an ablation of another recipe or with other options"):
        main([str(word) for word in words])


def test_rows_are_scored_on_what_none_was_trained_on(recipes: dict[str, Path], photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = [recipes["dir"], "--images", photos, "--holdout", "0.5", "--steps", 4, "--batch", 2, "--out", out]
    words += ["--jobs", 1, "--threads", 1, "--corruption", "isp_ablation:0.1", "--restoration"]
    words += ["--score", "isp_ablation:0.1", "isp_demosaicing:3"]
    assert main(["dir", *map(str, words)]) == 0
    rows = ["baseline", "aligned", "aligned_with_pilot", "autoencoder"]
    scores = json.loads((out / "scores" / "scores.json").read_text())
    assert [Path(model["group"]).stem for model in scores["models"][1:]] == rows
    measured = {"clean", "isp_ablation", "isp_demosaicing", "all"}
    assert {score["corruption"] for score in scores["scores"]} == measured
    restored = json.loads((out / "restoration" / "restoration.json").read_text())
    assert [module["name"] for module in restored["modules"]] == rows
    assert {score["corruption"] for score in restored["scores"]} == measured
    for row in rows:
        card = (out / f"{row}.md").read_text()
        assert "isp_ablation 0.1" in card and "isp_demosaicing" not in card
    text = (out / "restoration" / "restoration.md").read_text()
    assert "| autoencoder | 21.6 | 0.378 | 23.1 | 0.408 |" in text


def test_a_restoration_of_what_is_no_photo_is_refused(recipes: dict[str, Path], photos: Path, tmp_path: Path) -> None:
    words = [
        "film",
        recipes["film"],
        "--images",
        photos,
        "--holdout",
        "0.5",
        "--restoration",
        "--out",
        tmp_path / "out",
    ]
    with pytest.raises(InputError, match="method film gives no repaired photo"):
        main([str(word) for word in words])
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_trained_or_scored_is_said_before_the_first_training(
    recipes: dict[str, Path], photos: Path, tmp_path: Path
) -> None:
    out, labels, text = tmp_path / "out", tmp_path / "labels.csv", recipes["film"].read_text()
    labels.write_text("file,label\n" + "".join(f"{path.name},{10**6}\n" for path in photos.iterdir()))
    whole, unknown = tmp_path / "film.toml", tmp_path / "unknown.toml"
    whole.write_text(text)
    unknown.write_text(re.sub(r"(?m)^layer = .*", 'layer = "nowhere"', text))
    for recipe, more, said in (
        (unknown, [], "nowhere"),
        (whole, ["--labels", labels], r"--labels: .* has label 1000000"),
    ):
        words = ["film", recipe, "--images", photos, "--holdout", "0.5", "--steps", 4, "--batch", 2, "--out", out]
        with pytest.raises(InputError, match=said):
            main([str(word) for word in [*words, *more]])
        assert not [*out.glob("*.safetensors")]
        shutil.rmtree(out)


def test_rankings_of_the_same_filters_in_three_orders(recipes: dict[str, Path], tmp_path: Path) -> None:
    recipe = load_recipe(str(recipes["deepcorrect"]))
    with pytest.raises(InputError, match=r"needs weights\.ranking"):
        deepcorrect.ablations(recipe, tmp_path, 0)
    tau = {"conv1.0": tuple(i / 100 for i in range(16)), "layer1.0.conv1": tuple(i / 100 for i in range(32))}
    ranked = recipe.with_ranking(write_ranking(tmp_path / "ranking.json", tau))
    rows = deepcorrect.ablations(ranked, tmp_path, 0)
    orders = [read_ranking(Path(row.recipe.weights.ranking)).orders()["conv1.0"] for row in rows]
    assert orders[0] == orders[2][::-1] == [*range(16)][::-1]
    assert sorted(orders[1]) == [*range(16)] and orders[1] not in (orders[0], orders[2])


def test_afd_is_ablated_at_its_small_variant(recipes: dict[str, Path], tmp_path: Path) -> None:
    recipe = load_recipe(str(recipes["afd"]))
    names = [row.name for row in afd.ablations(recipe, tmp_path, 0)]
    assert names == ["whole", "no_dct_guidance", "plain_convolutions", "loss_features", "loss_channels"]
    with pytest.raises(InputError, match='ablated at the variant "afd_nano"'):
        afd.ablations(recipe.model_copy(update={"options": {"variant": "afd"}}), tmp_path, 0)


def test_film_is_ablated_by_where_it_edits(recipes: dict[str, Path], tmp_path: Path) -> None:
    recipe = load_recipe(str(recipes["film"]))
    rows = {row.name: row.recipe for row in film.ablations(recipe, tmp_path, 0)}
    assert [*rows] == ["every_block", "one_number", "afd_at_the_stem", "both"]
    assert rows["afd_at_the_stem"].method == "afd" and rows["afd_at_the_stem"].options == {"variant": "afd_nano"}
    again = {row.name: row.recipe for row in film.ablations(rows["both"].with_options(stem="afd"), tmp_path, 0)}
    assert again["every_block"] == rows["every_block"] == recipe
    assert again["both"].options["stem"] == again["afd_at_the_stem"].options["variant"] == "afd"
