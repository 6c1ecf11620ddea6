"""The command: a ranking from a folder of photos, the same after a stop, and every mistake named."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from PIL import Image

from mobile_robust.backbones.create import create_network
from mobile_robust.contracts.__main__ import schemas
from mobile_robust.contracts.ranking import read_ranking
from mobile_robust.errors import InputError
from mobile_robust.files import output_lock
from mobile_robust.methods.deepcorrect.rank import priority
from mobile_robust.methods.deepcorrect.rank.cli import main
from mobile_robust.methods.deepcorrect.rank.progress import Partial
from tests.conftest import Command

RESNET = ["--backbone", "test_resnet", "--backbone-options", "num_classes=10", "--size", "32"]
LEVELS = ["--levels", "30", "90"]
LAYERS = ["--layers", "conv1.0", "layer1.0.conv1"]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    random = np.random.default_rng(0)
    for i in range(6):
        (folder / str(i % 2)).mkdir(parents=True, exist_ok=True)
        side = 32 if i else 48  # one has to be cropped
        Image.fromarray(random.integers(0, 256, (side, side, 3), dtype=np.uint8)).save(folder / f"{i % 2}" / f"{i}.png")
    return folder


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(priority, "PHOTOS", 4)
    monkeypatch.setenv("COLUMNS", "140")


def arguments(photos: Path, *more: object) -> list[str]:
    where = ["--images", str(photos), "--corruption", "awgn", "--out", str(photos.parent / "ranking.json")]
    return [*RESNET, *LAYERS, *LEVELS, *where, *map(str, more)]


def test_a_ranking_says_what_it_was_measured_with(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = photos.parent / "ranking.png"
    assert main(arguments(photos, "--plot", picture, "--levels", 20, 90)) == 0
    document = json.loads((photos.parent / "ranking.json").read_text())
    (schema,) = [path for path in schemas() if path.name == "ranking.schema.json"]
    jsonschema.Draft202012Validator(json.loads(schema.read_text())).validate(document)
    ranking = read_ranking(photos.parent / "ranking.json")
    assert (ranking.backbone, ranking.weights, ranking.size) == ("test_resnet", "random, seed 0", (32, 32))
    assert (ranking.images, ranking.labels, ranking.levels, ranking.seed) == (6, "network", (20.0, 90.0), 0)
    assert ranking.clean_accuracy == 1.0  # the clean answer is the label
    network = create_network("test_resnet", {}, None, 0)
    widths = {name: network.get_submodule(name).out_channels for name in LAYERS[1:]}
    assert {layer: len(tau) for layer, tau in ranking.layers.items()} == widths
    assert Image.open(picture).width > 300
    assert [path.name for path in sorted(photos.parent.iterdir())] == ["photos", "ranking.json", "ranking.png"]
    said = capsys.readouterr().out
    assert "test_resnet on 6 photos" in said and "layer1.0.conv1" in said and "awgn 20, 90" in said


def test_one_process_writes_a_ranking(photos: Path) -> None:
    refused = pytest.raises(InputError, match=r"ranking.json: another process is writing it")
    with output_lock(photos.parent / "ranking.json"), refused:
        main(arguments(photos))


def test_labels_may_be_given_and_photos_drawn(photos: Path) -> None:
    given = arguments(
        photos,
        "--labels",
        "folders",
        "--count",
        4,
        "--holdout",
        "0.2",
        "--holdout-by",
        "position",
        "--backbone-options",
        "num_classes=2",
    )
    assert main([argument for argument in given if argument not in LEVELS]) == 0
    ranking = read_ranking(photos.parent / "ranking.json")
    assert (ranking.images, ranking.labels) == (4, "folders") and ranking.clean_accuracy < 1
    assert ranking.levels == (5, 10, 15, 20, 25, 30)  # the paper's for small images


@pytest.mark.slow
def test_a_recipe_says_what_is_ranked(photos: Path) -> None:
    recipe = photos.parent / "mine.toml"
    recipe.write_text(
        'method = "deepcorrect"\nscope = "pipeline"\noptions = { layers = ["conv1.0", "layer1.0.conv1"] }\n'
        '[backbone]\nname = "test_resnet"\noptions = { num_classes = 10 }\n[input]\nsize = 32\n'
    )
    assert main(arguments(photos)) == 0
    by_options = (photos.parent / "ranking.json").read_bytes()
    out = str(photos.parent / "again.json")
    assert main([str(recipe), "--images", str(photos), "--corruption", "awgn", "--out", out, *LEVELS]) == 0
    assert Path(out).read_bytes() == by_options
    with pytest.raises(InputError, match=r"--size: recipe .*mine\.toml says that already"):
        main([str(recipe), "--images", str(photos), "--corruption", "awgn", "--out", out, "--size", "32"])


@pytest.mark.slow
def test_a_stopped_run_is_resumed_to_the_same_bytes(
    photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = photos.parent / "ranking.json"
    assert main(arguments(photos)) == 0
    whole = out.read_bytes()
    out.unlink()
    write, left = Partial.write, 3

    def stop(partial: Partial, counts: priority.Counts) -> None:
        nonlocal left
        write(partial, counts)
        left -= 1
        if not left:
            raise KeyboardInterrupt

    monkeypatch.setattr(Partial, "write", stop)
    with pytest.raises(KeyboardInterrupt):
        main(arguments(photos))
    partial = photos.parent / "ranking.json.partial"
    assert partial.exists() and not out.exists()
    left = 100
    with pytest.raises(InputError, match=r"ranking\.json\.partial: cannot be resumed: it belongs to a run with other"):
        main(arguments(photos, "--seed", 1))
    capsys.readouterr()
    assert main(arguments(photos)) == 0
    assert "resumed at" in capsys.readouterr().err
    assert left == 97  # of 6 batches, 3 were done before
    assert out.read_bytes() == whole and not partial.exists()


def test_broken_photos_are_left_out_and_a_broken_partial_file_is_not_resumed(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    partial = photos.parent / "ranking.json.partial"
    partial.write_text('{"key": ')
    with pytest.raises(InputError, match="cannot be resumed: it cannot be read; delete it"):
        main(arguments(photos))
    partial.unlink()
    (photos / "0" / "broken.png").write_text("no")
    assert main(arguments(photos)) == 0
    assert "skipped 1 of 7 images" in capsys.readouterr().err.replace("\n", " ")
    assert read_ranking(photos.parent / "ranking.json").images == 6


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("--levels 300", "corruption awgn: level 300: allowed are 0 to 255"),
        ("--corruption awgm", "unknown corruption 'awgm'; .*awgn"),
        ("--count 0", "--count 0: must be 1 or more"),
        ("--holdout 1", "--holdout 1: allowed"),
        ("--out ranking.txt", "--out ranking.txt: the file's name must end with .json"),
        ("--plot gone/a.png", "--plot gone/a.png: no such folder: gone"),
        ("--size 20", "--size 20: must be a side in pixels"),
        ("--std 1 0 1", "--std .*every value must be 0.0001 or more"),
        ("--backbone-options num_classes", "--backbone-options num_classes: must be KEY=VALUE"),
        ("--backbone-options act_layer=nope", "backbone test_resnet: options .* not accepted"),
        ("--backbone test_resnat", "unknown backbone 'test_resnat'; close matches: .*test_resnet"),
        ("--backbone-weights gone.safetensors", "gone.safetensors: no such file"),
        ("--layers act1", "unknown convolution of test_resnet 'act1'; "),
        ("--layers conv1 conv1", "must be a list of different layer names"),
        ("--labels folders --images gone", "gone: no such folder"),
        (
            "--labels names --backbone-options num_classes=4",
            r"5\.png has label 5, but test_resnet knows the classes 0 to 3",
        ),
    ],
)
def test_mistakes_are_named(photos: Path, more: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        main(arguments(photos, *more.split()))


def test_a_backbone_or_a_recipe_is_needed(photos: Path) -> None:
    rest = ["--images", str(photos), "--corruption", "awgn", "--out", str(photos.parent / "a.json")]
    with pytest.raises(InputError, match="name a recipe, or a backbone with --backbone NAME"):
        main(rest)
    with pytest.raises(InputError, match="backbone test_resnet: no default layers"):
        main([*RESNET, *rest])


@pytest.mark.slow
def test_the_process_ends_with_one_message(command: Command, tmp_path: Path) -> None:
    done = command("rank", *RESNET, "--images", tmp_path, "--corruption", "awgn", "--out", tmp_path / "a.json")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {tmp_path}: no image in this folder") and done.stderr.count("\n") == 1
    done = command("rank", "--help")
    assert (
        done.returncode == 0 and "examples:" in done.stdout and "no labels are needed" in " ".join(done.stdout.split())
    )
