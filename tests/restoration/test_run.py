"""The command: figures, files, and what it refuses."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.data.images import Photo
from mobile_robust.errors import InputError
from mobile_robust.restoration.cli import main
from mobile_robust.restoration.modules import RepairModule
from mobile_robust.restoration.run import measure_restoration
from mobile_robust.training_record import TrainingRecord
from tests.evaluation.fakes import flat_photos
from tests.recipes import RESNET, write_recipe


def same(photo: Photo) -> Photo:
    return photo


def flat(photo: Photo) -> Photo:
    """What is right for flat photos."""
    return np.full_like(photo, round(float(photo.mean())))


def module(name: str, repair: Callable[[Photo], Photo], method: str = "dir") -> RepairModule:
    return RepairModule(name, "r", method, (32, 32), lambda: repair, "module untrained: initial weights")


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A command line up to its corruptions; five flat photos; two modules, of which one leaves photos as they are."""
    monkeypatch.setenv("COLUMNS", "200")
    found = [module("same", same), module("flat", flat)]
    monkeypatch.setattr("mobile_robust.restoration.run.resolve", lambda models, weights, runtimes: found)
    photos = flat_photos(tmp_path / "photos", 5).folder
    features = write_recipe(tmp_path, "features", "pipeline", RESNET)
    return [*["m", "--out"], str(tmp_path / "out"), "--images", str(photos), "--features", str(features)]


def test_figures_tables_and_files_agree(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--corruption", "awgn:10", "awgn:40", "isp_ablation:0.1"]) == 0
    captured = capsys.readouterr()
    out = tmp_path / "out"
    names = {f"restoration.{suffix}" for suffix in ("json", "csv", "md", "png")}
    assert {path.name for path in out.iterdir()} == names
    assert "5 photos, against the clean ones" in captured.out and "test_resnet" in captured.out
    assert "same: module untrained" in captured.err and "random weights" in captured.err
    document = json.loads((out / "restoration.json").read_text())
    assert document["photos"]["used"] == 5 and document["features"] == "test_resnet"
    with (out / "restoration.csv").open() as file:
        assert [{k: str(v) if v is not None else "" for k, v in s.items()} for s in document["scores"]] == [
            *csv.DictReader(file)
        ]
    scores = {(s["module"], s["corruption"], s["level"]): s for s in document["scores"]}
    keys = [("clean", None), ("awgn", 10), ("awgn", 40), ("isp_ablation", 0.1), ("awgn", None), ("isp_ablation", None)]
    assert {key[1:] for key in scores} == {*keys, ("all", None)}
    for key in keys:
        still, good = (scores[name, key[0], key[1]] for name in ("same", "flat"))
        assert still["psnr_change"] == still["ssim_change"] == still["feature_distance_change"] == 0
        assert still["psnr"] == still["psnr_degraded"] == good["psnr_degraded"]
        if key[0] == "awgn":
            assert good["psnr"] > 35 > good["psnr_degraded"] and good["psnr_change_low"] > 10
            assert good["ssim_change_low"] > 0.1 and good["feature_distance_change_high"] < 0
    clean = scores["same", "clean", None]
    assert clean["psnr"] == pytest.approx(58.92, abs=0.01) and clean["ssim"] == 1 and clean["feature_distance"] == 0
    assert scores["same", "awgn", 40]["psnr"] < scores["same", "awgn", 10]["psnr"]
    mean = (scores["flat", "awgn", 10]["psnr"] + scores["flat", "awgn", 40]["psnr"]) / 2
    assert scores["flat", "awgn", None]["psnr"] == pytest.approx(mean)


def test_the_papers_figures_stand_beside_them(words: list[str], tmp_path: Path) -> None:
    main([*words, "--count", "2", "--corruption", "isp_ablation:0.1"])
    text = (tmp_path / "out" / "restoration.md").read_text()
    assert "| aligned_with_pilot | 24.1 | 0.228 | 25.0 | 0.288 |" in text and "DiR, Table 5" in text
    main([*words, "--count", "2", "--corruption", "awgn:10"])
    assert "Table 5" not in (tmp_path / "out" / "restoration.md").read_text()


def test_photos_lie_side_by_side(words: list[str], tmp_path: Path) -> None:
    main([*words, "--corruption", "awgn:10", "awgn:40", "isp_ablation:0.1"])
    with Image.open(tmp_path / "out" / "restoration.png") as image:
        sheet = np.array(image)
    across = 96 + 8
    assert sheet.shape[1] == 32 + 4 * across  # degraded, two modules, clean
    top = 16 + 20 + 20
    cells = [sheet[top : top + 32, 16 + i * across :][:, :32] for i in range(4)]
    degraded, still, good, clean = cells
    assert np.array_equal(degraded, still) and degraded.std() > 2
    assert good.std() == clean.std() == 0
    second = sheet[top + 32 + 28 :][:32, 16 + 3 * across :][:, :32]
    assert second.std() == 0 and second.mean() != clean.mean()  # another photo for another corruption


def test_broken_photos_are_left_out(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "photos" / "7.png").write_text("broken")
    assert main([*words, "--corruption", "awgn:10"]) == 0
    captured = capsys.readouterr()
    assert "5 photos" in captured.out and "skipped 1 of 6 images" in captured.err


def test_what_is_refused(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="unknown corruption or family 'jpg'"):
        main([*words, "--corruption", "jpg"])
    photos = PhotoDataset.from_folder(tmp_path / "photos")
    trained = replace(module("same", same), trained=TrainingRecord.of(photos.subset([1]), None, None))
    monkeypatch.setattr("mobile_robust.restoration.run.resolve", lambda models, weights, runtimes: [trained])
    with pytest.raises(InputError, match=r"module of same was trained on 1 of these 5 photos, such as 1\.png"):
        main([*words, "--corruption", "awgn:10"])
    modules = [module("small", same), replace(module("large", same), size=(64, 64))]
    monkeypatch.setattr("mobile_robust.restoration.run.resolve", lambda models, weights, runtimes: modules)
    with pytest.raises(InputError, match="different sizes .small: 32 x 32, large: 64 x 64.; measure them apart"):
        measure_restoration(["m"], photos, ["awgn:10"])
