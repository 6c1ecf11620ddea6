"""Training AFD: it learns, repeats itself, starts at the identity, and ends cleanly when it cannot go on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mobile_robust.checkpoints import read_state
from mobile_robust.contracts.recipe import load_recipe
from mobile_robust.data import built_in_photos
from mobile_robust.errors import InputError
from mobile_robust.systems import build_system
from mobile_robust.train import afd
from mobile_robust.train.cli import main
from tests.recipes import RESNET, write_recipe


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six small photos of different shapes."""
    folder = tmp_path_factory.mktemp("photos")
    for index, photo in enumerate(built_in_photos((120, 120), 12)[::2]):  # every second one: those are not compressed
        Image.fromarray(photo[: 100 + 4 * index, : 120 - 4 * index]).save(folder / f"{index}.png")
    return folder


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_recipe(tmp_path_factory.mktemp("recipe"), backbone=RESNET)


def train(recipe: Path, photos: Path, out: Path, *more: object) -> int:
    words = ["afd", recipe, "--images", photos, "--out", out, "--steps", 4, "--batch", 4, *more]
    return main([str(word) for word in words])


def pairs_of(photos: Path, seed: int = 0, side: int = 32) -> afd.CropPairs:
    return afd.CropPairs(sorted(photos.iterdir()), 73, side, seed)


def test_a_few_steps_lower_the_loss(recipe: Path, photos: Path) -> None:
    system = afd.start(load_recipe(str(recipe)), seed=0)
    clean, degraded = (afd.to_tensor(crops, 255) for crops in pairs_of(photos, seed=1).draw(24))
    distillation = afd.Distillation(system.pipeline, side=32)

    def errors() -> tuple[float, float]:
        with torch.no_grad():
            features, maps = distillation(clean, degraded)
        return features.item(), maps.item()

    before = errors()
    steps = list(afd.train(system, pairs_of(photos), afd.Settings(steps=40, batch=6)))
    after = errors()
    assert after[0] < before[0] and after[1] < 0.99 * before[1]  # little: the backbone is random, the crops are tiny
    assert steps[-1].rate < 0.01 * max(step.rate for step in steps)
    assert not system.pipeline.module.training


def test_the_start_changes_nothing(recipe: Path, photos: Path) -> None:
    pipeline = afd.start(load_recipe(str(recipe)), seed=0).pipeline
    image = afd.to_tensor(pairs_of(photos, side=64).draw(2)[0], 255)
    features = pipeline.features(image)
    assert torch.equal(pipeline.module(image, features), features)


def test_weights_log_and_card(recipe: Path, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "first.safetensors"
    assert train(recipe, photos, out) == 0
    given = load_recipe(str(recipe))
    weights = given.weights.model_copy(update={"file": str(out)})
    module = build_system(given.model_copy(update={"weights": weights})).pipeline.module
    assert all(torch.equal(module.state_dict()[name], tensor) for name, tensor in read_state(out).items())
    log = [json.loads(line) for line in out.with_suffix(".jsonl").read_text().splitlines()]
    assert [line["step"] for line in log] == [1, 2, 3, 4] and all(line["loss"] > 0 for line in log)
    card = out.with_suffix(".md").read_text()
    assert "--steps 4 --batch 4 --seed 0" in card and str(tmp_path) not in card and str(photos) not in card
    assert {path.suffix for path in tmp_path.iterdir()} == {".safetensors", ".jsonl", ".md"}


def test_a_seed_gives_the_same_weights_again(recipe: Path, photos: Path, tmp_path: Path) -> None:
    outs = [tmp_path / f"{name}.safetensors" for name in "abc"]
    for out, seed in zip(outs, (5, 5, 6), strict=True):
        train(recipe, photos, out, "--seed", seed)
    first, same, other = (out.read_bytes() for out in outs)
    assert first == same != other


def test_crops_and_their_degraded_selves(photos: Path) -> None:
    pairs = pairs_of(photos)
    clean, degraded = pairs.draw(60)
    assert {crop.shape for crop in clean + degraded} == {(32, 32, 3)}
    unchanged = sum(np.array_equal(a, b) for a, b in zip(clean, degraded, strict=True))
    assert 3 <= unchanged <= 20
    assert len({crop.tobytes() for crop in clean}) > 50


def test_photos_come_at_the_scale_of_evaluation() -> None:
    photo = np.zeros((50, 400, 3), np.uint8)
    assert afd.with_short_side(photo, 50) is photo
    assert afd.with_short_side(photo, 100).shape == (100, 200, 3)
    assert afd.with_short_side(photo[:40, :25], 73).shape == (117, 73, 3)


def test_tail_maps_hold_the_last_map_of_every_resolution(recipe: Path) -> None:
    pipeline = build_system(load_recipe(str(recipe))).pipeline
    features = pipeline.features(torch.rand(2, 3, 64, 64) * 255)
    *maps, logits = afd.TailMaps(pipeline.tail, features)(features)
    sides = [x.shape[-1] for x in maps]
    assert sides == sorted(set(sides), reverse=True) and len(sides) >= 3
    assert torch.equal(logits, pipeline.tail(features))


def test_held_out_photos_are_not_read(recipe: Path, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "w.safetensors"
    train(recipe, photos, out, "--holdout", "0.5")
    assert (
        "| photos | 3, all but those of `evaluate --holdout 0.5 --holdout-seed 0`" in out.with_suffix(".md").read_text()
    )
    with pytest.raises(InputError, match="leaves none to train on"):
        train(recipe, photos, out, "--holdout", "0.99")


def test_broken_photos_are_left_out_and_named(
    recipe: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.png").write_bytes(b"no image")
    Image.open(photos / "0.png").save(tmp_path / "good.png")
    assert train(recipe, tmp_path, tmp_path / "w.safetensors") == 0
    assert "left out 1 broken images" in (error := capsys.readouterr().err) and "broken.png" in error
    (tmp_path / "good.png").unlink()
    with pytest.raises(InputError, match=r"none of 1 images can be read; the first, .*broken\.png"):
        train(recipe, tmp_path, tmp_path / "w2.safetensors")


def test_a_loss_that_is_no_number_stops_at_its_step(
    recipe: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, calls = afd.relative_error, []

    def sick(x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        calls.append(None)
        return original(x, target) * (float("nan") if len(calls) > 10 else 1)

    monkeypatch.setattr(afd, "relative_error", sick)
    with pytest.raises(InputError, match=r"the loss is nan at step \d"):
        train(recipe, photos, tmp_path / "w.safetensors")
    assert not (tmp_path / "w.safetensors").exists() and not (tmp_path / "w.md").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--steps", 0], "--steps 0: must be 1 or more"),
        (["--seed", -1], "--seed -1: must be 0 or more"),
        (["--holdout", 1], "--holdout 1: allowed are fractions"),
        (["--out", "weights.pth"], "must end with .safetensors"),
        (["--images", "nowhere"], "no such folder"),
        (["--out", "nowhere/w.safetensors"], "cannot be written"),
        (["--backbone-weights", "nowhere.safetensors"], "no such file"),
    ],
)
def test_bad_options(recipe: Path, photos: Path, tmp_path: Path, words: list[object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        train(recipe, photos, tmp_path / "w.safetensors", *words)
    assert not list(tmp_path.iterdir())
