"""``mobile-robust predict`` as a user runs it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import save_file

from mobile_robust.backbones.create import create_network
from mobile_robust.errors import InputError
from mobile_robust.evaluation.predict import run
from mobile_robust.evaluation.predict.cli import main
from mobile_robust.evaluation.predict.picture import picture
from mobile_robust.evaluation.predict.run import MOST_SHOWN, predict
from tests.recipes import RESNET, write_recipe


@pytest.fixture
def recipe(tmp_path: Path) -> str:
    """A pipeline with weights and names of its classes."""
    save_file(create_network("test_resnet", {"num_classes": 10}, None, 1).state_dict(), tmp_path / "r.safetensors")
    (tmp_path / "names.txt").write_text("".join(f"kind {i}, other\n" for i in range(10)))
    more = '\nweights = "r.safetensors"\nclasses = "names.txt"'
    return str(write_recipe(tmp_path, scope="pipeline", backbone=RESNET + more))


def test_top_five_without_and_with_as_it_is_and_degraded(
    recipe: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    out = tmp_path / "p.png"
    line = [str(photos / "0.png"), str(photos / "1.png"), "--build", recipe, "--corruption", "jpeg:7"]
    assert main([*line, "--out", str(out)]) == 0
    captured = capsys.readouterr()
    table, named, _ = captured.out.partition(str(out))
    assert table.count("without") == 5 and table.count("jpeg:7") == 4 and named
    assert "kind " in captured.out and "other" not in captured.out and "0.png" in captured.out
    assert "module untrained" in captured.err
    found = predict([photos / "0.png"], recipe, ["jpeg:7"])
    clean, degraded = found.shown
    assert (clean.degradation, degraded.degradation) == ("clean", "jpeg:7")
    assert clean.crop.shape == (64, 64, 3) and (clean.crop != degraded.crop).any()
    for shown in found.shown:
        for which, values in shown.probabilities.items():
            first = shown.first(which)
            assert values.sum() == pytest.approx(1) and first[0][1] == values.max() and len(first) == 5
    with Image.open(out) as image:
        assert image.format == "PNG" and image.height > image.width / 2


def test_a_picture_shows_the_photo_and_its_bars(recipe: str, photos: Path) -> None:
    found = predict([photos / "0.png"], recipe, ["clean"])
    with Image.open(io.BytesIO(picture(found))) as image:
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3)
    blue, grey = (58, 110, 165), (196, 196, 196)
    assert len(found.shown) == 1 and all((pixels == colour).all(1).sum() > 100 for colour in (blue, grey))


def test_a_backbone_alone_is_without_only(recipe: str, photos: Path) -> None:
    text = Path(recipe).read_text().replace('"afd"', '"none"').replace('options = { variant = "afd_nano" }', "")
    (bare := Path(recipe).with_name("bare.toml")).write_text(text)
    assert list(predict([photos / "0.png"], str(bare), ["clean"]).shown[0].probabilities) == ["without"]


@pytest.mark.slow
def test_a_build_and_a_file_in_it(pipeline_build: Path, photos: Path) -> None:
    folder = predict([photos / "0.png"], str(pipeline_build), ["clean"])
    file = predict([photos / "0.png"], str(pipeline_build / "pipeline_fp32.tflite"), ["clean"])
    assert folder.executed["with"] == "reference on pytorch" and file.executed["with"].startswith("fp32.tflite on ")
    (reference,), (artifact,) = folder.shown, file.shown
    np.testing.assert_allclose(artifact.probabilities["with"], reference.probabilities["with"], atol=1e-3)
    assert folder.name(3) == "class 3"


def test_the_first_synonym_is_shown_where_it_tells_classes_apart() -> None:
    assert run._short(["suit", "suit, tank suit", "cat, kitty"]) == ("suit", "suit, tank suit", "cat")


def test_names_that_cannot_be_read_or_do_not_fit_are_none(recipe: str) -> None:
    assert run._names(recipe, 10)[0] == "kind 0" and run._names(recipe, 9) == ()
    Path(recipe).with_name("names.txt").unlink()
    assert run._names(recipe, 10) == ()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (["no.jpg"], r"no\.jpg: cannot be read"),
        (["{photo}", "--corruption", "jpg"], "unknown corruption or family 'jpg'"),
        (["{photo}", "--build", "no"], "MODEL no: no such folder"),
        (["{photo}", "--out", "x.jpg"], r"--out x\.jpg: the file's name must end with \.png"),
        (["{photo}"] * (MOST_SHOWN // 2 + 1), rf"21 photos at 2 settings are 42; at most {MOST_SHOWN}"),
    ],
)
def test_mistakes_are_named(recipe: str, photos: Path, line: list[str], message: str) -> None:
    words = [word.format(photo=photos / "0.png") for word in line]
    with pytest.raises(InputError, match=message):
        main([*words, *([] if "--build" in words else ["--build", recipe])])
