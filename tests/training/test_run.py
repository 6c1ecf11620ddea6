"""Training as a user runs it: files, seeds, what stops it, and how it resumes after a kill."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from accelerate.state import AcceleratorState
from PIL import Image
from safetensors.torch import save_file

from mobile_robust.backbones.create import create_network
from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.data.split import Split
from mobile_robust.errors import InputError
from mobile_robust.export.override import override
from mobile_robust.files import output_lock
from mobile_robust.methods.afd import training as afd
from mobile_robust.pipelines import build_model
from mobile_robust.recipes import load_recipe
from mobile_robust.training import checkpoints, run
from mobile_robust.training.cli import main
from mobile_robust.training_record import TrainingRecord
from tests.methods.training import train_words
from tests.recipes import RESNET, write_recipe

pytestmark = pytest.mark.slow

Recipes = dict[str, Path]


def train(recipes: Recipes, photos: Path, out: Path, *more: object, method: str = "afd") -> int:
    return main(train_words(recipes, photos, out, method, *more))


@pytest.mark.parametrize(
    ("method", "more"),
    [
        ("afd", ["--loss", "channels", "--corruption", "jpeg:7", "avif"]),
        ("sympie", ["--corruption", "fog:3", "--labels", "names"]),
        ("deepcorrect", ["--corruption", "awgn"]),
        ("fidelity", ["--corruption", "fidelity_awgn"]),
    ],
)
def test_weights_log_plot_and_card(
    recipes: Recipes,
    photos: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    method: str,
    more: list[str],
) -> None:
    out = tmp_path / "first.safetensors"
    assert train(recipes, photos, out, *more, method=method) == 0
    log = [json.loads(line) for line in out.with_suffix(".jsonl").read_text().splitlines()]
    assert [line["step"] for line in log] == [1, 2, 3, 4] and all(line["loss"] > 0 for line in log)
    with Image.open(out.with_suffix(".png")) as picture:
        assert picture.format == "PNG" and picture.width > 300
    card = out.with_suffix(".md").read_text()
    assert str(tmp_path) not in card and str(photos) not in card
    corruption = more[more.index("--corruption") + 1]
    assert f"train {method} {method}.toml" in card and f"    --corruption {corruption}" in card
    assert {path.suffix for path in tmp_path.iterdir()} == {".safetensors", ".jsonl", ".md", ".png"}
    assert card.count("over the first") == (2 if method == "fidelity" else 1)  # once for each stage
    said, progress = capsys.readouterr()
    (verdict,) = [line for line in said.splitlines() if "on 1 validation photos" in line]
    assert verdict in card.replace("\\", "") and "step 2: " in progress


def test_a_seed_gives_the_same_weights_again_however_the_photos_are_read(
    recipes: Recipes, photos: Path, tmp_path: Path
) -> None:
    outs = [tmp_path / f"{name}.safetensors" for name in "abc"]
    for out, seed, readers in zip(outs, (5, 5, 6), (0, 2, 0), strict=True):
        train(recipes, photos, out, "--seed", seed, "--readers", readers)
    first, same, other = (out.read_bytes() for out in outs)
    assert first == same != other


@pytest.mark.parametrize("method", ["afd", "film", "sympie", "deepcorrect", "fidelity", "dir"])
def test_bfloat16_gives_nearly_the_losses_of_float32(
    recipes: Recipes, photos: Path, tmp_path: Path, method: str
) -> None:
    losses = []
    for precision in ("no", "bf16"):
        out = tmp_path / f"{precision}.safetensors"
        AcceleratorState._reset_state(reset_partial_state=True)  # one precision a process
        train(recipes, photos, out, "--mixed-precision", precision, "--validation", 0, method=method)
        losses.append([json.loads(line)["loss"] for line in out.with_suffix(".jsonl").read_text().splitlines()])
    AcceleratorState._reset_state(reset_partial_state=True)
    assert losses[1] == pytest.approx(losses[0], rel=0.05, abs=2e-3) and losses[1] != losses[0]


def test_a_process_that_trained_in_another_precision_says_so(recipes: Recipes, photos: Path, tmp_path: Path) -> None:
    AcceleratorState._reset_state(reset_partial_state=True)
    train(recipes, photos, tmp_path / "a.safetensors", "--validation", 0)
    with pytest.raises(InputError, match=r"^--mixed-precision bf16: .*already been initialized"):
        train(recipes, photos, tmp_path / "b.safetensors", "--mixed-precision", "bf16")


def test_a_build_knows_which_backbone_the_module_was_trained_for(
    recipes: Recipes, photos: Path, tmp_path: Path
) -> None:
    out, labels = tmp_path / "w.safetensors", []
    files = [tmp_path / f"backbone{seed}.safetensors" for seed in range(2)]
    for seed, file in enumerate(files):
        save_file(create_network("test_resnet", {"num_classes": 10}, None, seed).state_dict(), file)
    train(recipes, photos, out, "--backbone-weights", files[0])
    for file in files:
        recipe = override(load_recipe(str(recipes["afd"])), weights=out, backbone_weights=str(file))
        labels.append(build_model(recipe).provenance.label)
    assert labels[0] is None and labels[1] is not None and "for other backbone weights" in labels[1]


def test_held_out_photos_are_not_read(recipes: Recipes, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "w.safetensors"
    train(recipes, photos, out, "--holdout", "0.5")
    used = PhotoDataset.from_folder(photos, split=Split(0.5))
    said = f"{len(used)}, all but those of evaluate {used.split}; no labels; SHA-256 {used.digest}"
    assert f"| photos | {said} |" in out.with_suffix(".md").read_text()
    record = TrainingRecord.read(out)
    assert record is not None and record.photos == len(used) and record.split == "--holdout 0.5 --holdout-seed 0"
    assert record.trained_on(PhotoDataset.from_folder(photos).paths) == list(used.paths)
    with pytest.raises(InputError, match="of 6 images that leaves none"):
        train(recipes, photos, out, "--holdout", "0.99")


def test_broken_photos_are_left_out_and_named(
    recipes: Recipes, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = tmp_path / "good", tmp_path / "bad"
    for folder in (good, bad):
        folder.mkdir()
        (folder / "broken.png").write_bytes(b"no image")
    Image.open(photos / "0.png").save(good / "good.png")
    assert train(recipes, good, tmp_path / "w.safetensors") == 0
    assert "left out 1 broken images" in (error := capsys.readouterr().err) and "broken.png" in error
    for readers in (0, 1):
        with pytest.raises(InputError, match=r"^none of 1 images can be read; the first, .*broken\.png"):
            train(recipes, bad, tmp_path / "w2.safetensors", "--readers", readers)


def test_hidden_photos_are_named_and_labels_beyond_the_classes_refused(
    recipes: Recipes, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(photos, tmp_path / "photos"))
    shutil.copytree(photos, folder / ".ipynb_checkpoints")
    (folder / "5.png").rename(folder / "10.png")
    with pytest.raises(InputError, match=r"10\.png has label 10, but test_resnet knows the classes 0 to 9"):
        train(recipes, folder, tmp_path / "w.safetensors", "--labels", "names", method="sympie")
    assert "left out .ipynb_checkpoints (hidden or made by the system)" in capsys.readouterr().err


def test_a_loss_that_is_no_number_stops_and_no_other_training_takes_up_its_checkpoint(
    recipes: Recipes, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, made = afd.relative_error, []

    def error(x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        made.append(None)
        return original(x, target) * (float("nan") if len(made) > 3 else 1)

    out = tmp_path / "w.safetensors"
    with monkeypatch.context() as patch:
        patch.setattr(afd, "relative_error", error)
        last = r"the loss is nan at step 4: .* last good checkpoint is .*step-000002\.checkpoint"
        with pytest.raises(InputError, match=last):
            train(recipes, photos, out, "--loss", "features", "--checkpoint-every", 2)
    assert not out.exists() and not out.with_suffix(".md").exists()
    assert [path.name for path in (tmp_path / "w.safetensors.checkpoints").iterdir()] == ["step-000002.checkpoint"]
    changes = "--rate 0.001, --seed 1, --batch 2, --steps 5, --crop 64, --corruption jpeg:7, --holdout 0.5"
    for changed in changes.split(", "):
        with pytest.raises(InputError, match="holds a stopped training with other photos, weights or settings"):
            train(recipes, photos, out, "--loss", "features", *changed.split())
    assert train(recipes, photos, out, "--loss", "features", "--checkpoint-every", 1) == 0


def test_killed_it_resumes_to_the_same_weights(
    recipes: Recipes, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "1000")
    more = ("--steps", 40, "--checkpoint-every", 2, "--batch", 2)
    whole, killed = tmp_path / "whole.safetensors", tmp_path / "killed.safetensors"
    train(recipes, photos, whole, *more)
    command = [sys.executable, "-m", "mobile_robust.train", *train_words(recipes, photos, killed, "afd", *more)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    folder = tmp_path / "killed.safetensors.checkpoints"
    deadline = time.monotonic() + 120
    while not list(folder.glob("step-*.checkpoint")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not killed.exists() and list(folder.glob("step-*.checkpoint"))
    # the broken one is kept aside, the one before it is taken; the log's torn last line is no harm
    newest = max(folder.glob("step-*.checkpoint"))
    newest.with_name("step-000099.checkpoint").write_bytes(newest.read_bytes()[:-100])
    with killed.with_suffix(".jsonl").open("a") as log:
        log.write('{"step": 9')
    capsys.readouterr()
    train(recipes, photos, killed, *more)
    said = capsys.readouterr().err
    assert "step-000099.checkpoint: broken checkpoint" in said and "resuming from step" in said
    assert killed.read_bytes() == whole.read_bytes()
    losses = [
        [{k: v for k, v in json.loads(line).items() if k != "seconds"} for line in path.read_text().splitlines()]
        for path in (whole.with_suffix(".jsonl"), killed.with_suffix(".jsonl"))
    ]
    assert losses[0] == losses[1] and len(losses[0]) == 40
    assert not folder.exists()


def test_one_process_trains_the_same_weights(recipes: Recipes, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "w.safetensors"
    with output_lock(out), pytest.raises(InputError, match=f"--out {out}: another process is writing it"):
        train(recipes, photos, out)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk(recipes: Recipes, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original, made = checkpoints.write_atomically, []

    def write(path: Path, data: bytes) -> None:
        made.append(path)
        if len(made) == 2:
            raise OSError(28, "No space left on device")
        original(path, data)

    monkeypatch.setattr(checkpoints, "write_atomically", write)
    with pytest.raises(InputError, match=r"step-000002\.checkpoint: cannot .* No space left .*step-000001\.checkpoint"):
        train(recipes, photos, tmp_path / "w.safetensors", "--checkpoint-every", 1)
    assert [path.name for path in (tmp_path / "w.safetensors.checkpoints").iterdir()] == ["step-000001.checkpoint"]


def test_a_pipe_in_the_place_of_the_log_is_refused_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "w.jsonl")
    with pytest.raises(InputError, match=r"w\.jsonl: cannot be written: not a regular file"):
        run._append(tmp_path / "w.jsonl", "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--steps 0", "--steps 0: must be 1 or more"),
        ("--seed -1", "--seed -1: must be 0 or more"),
        ("--rate 0", "--rate 0: allowed are rates"),
        ("--crop 48", "--crop 48: allowed are multiples of 32"),
        ("--crop 96", "--crop 96: the recipe's photos have 64x64"),
        ("--holdout 1", "--holdout 1: allowed are fractions"),
        ("--corruption fogg", "unknown corruption or family 'fogg'; close matches: fog"),
        ("--corruption fog:9", "severity 9: allowed are"),
        ("--out weights.pth", "must end with .safetensors"),
        ("--images nowhere", "no such folder"),
        ("--out nowhere/w.safetensors", "cannot be written"),
        ("--backbone-weights nowhere.safetensors", "no such file"),
    ],
)
def test_bad_options(recipes: Recipes, photos: Path, tmp_path: Path, words: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        train(recipes, photos, tmp_path / "w.safetensors", *words.split())
    assert not list(tmp_path.iterdir())


def test_a_recipe_of_another_method_or_without_a_backbone(recipes: Recipes, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="recipe sympie is for method 'sympie'"):
        train({"afd": recipes["sympie"]}, photos, tmp_path / "w.safetensors")
    bare = tmp_path / "bare.toml"
    bare.write_text('method = "sympie"\nscope = "module"\n')
    with pytest.raises(InputError, match=r"recipe bare has no \[backbone\]"):
        train({"sympie": bare}, photos, tmp_path / "w.safetensors", method="sympie")


def test_a_network_of_one_size_learns_from_whole_photos(
    photos: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The default crops are smaller than the photos; a transformer has positions for these only."""
    vit = 'name = "vit_tiny_patch16_224"\noptions = { img_size = 64, num_classes = 10 }'
    recipes = {"dir": write_recipe(tmp_path, "vit", "pipeline", vit, method="dir", options="")}
    with pytest.raises(InputError, match="--crop 32: vit_tiny_patch16_224 takes photos of 64x64 only"):
        train(recipes, photos, tmp_path / "w.safetensors", "--crop", 32, method="dir")
    assert train(recipes, photos, tmp_path / "w.safetensors", method="dir") == 0
    said = capfd.readouterr().err
    assert "crops of 64x64: vit_tiny_patch16_224 takes no smaller ones" in said and "Traceback" not in said
    assert "crops of 64 x 64" in (tmp_path / "w.md").read_text()


def test_an_oracle_is_trained_with_the_clean_photo_beside_the_degraded_one(photos: Path, tmp_path: Path) -> None:
    oracle = write_recipe(tmp_path, "oracle", "pipeline", RESNET, method="fidelity", options='source = "oracle"')
    out = tmp_path / "w.safetensors"
    assert train({"fidelity": oracle}, photos, out, "--corruption", "fidelity_awgn", method="fidelity") == 0
    assert out.exists()


def test_a_random_backbone_is_warned_of_before_the_training(
    recipes: Recipes, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(recipes, photos, tmp_path / "r.safetensors") == 0
    warned, _, _ = capsys.readouterr().err.partition("step ")
    assert "warning: test_resnet has random weights" in warned and "--backbone-weights FILE" in warned
