"""The command: before and after the training, its file, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.data.images import built_in_photos
from mobile_robust.errors import InputError
from mobile_robust.methods.dir.closeness.cli import main
from mobile_robust.methods.dir.network import DiR
from mobile_robust.training_record import TrainingRecord

RECIPE = 'method = "dir"\nscope = "module"\n[input]\nsize = 32\n'


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A command line; its recipe has photos of 32 x 32 and no weights."""
    monkeypatch.setenv("COLUMNS", "140")
    (tmp_path / "small.toml").write_text(RECIPE)
    (tmp_path / "photos").mkdir()
    for index, photo in enumerate(built_in_photos((32, 32), 11)):
        Image.fromarray(photo).save(tmp_path / "photos" / f"{index}.png")
    out = str(tmp_path / "closeness.json")
    return [str(tmp_path / "small.toml"), "--images", str(tmp_path / "photos"), "--out", out]


def weights(path: Path, photos: PhotoDataset | None = None) -> str:
    torch.manual_seed(1)
    record = TrainingRecord.of(photos, None, None).metadata() if photos else None
    save_file(DiR(255.0).state_dict(), path, record)
    return str(path)


def test_before_and_after(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [*words, "--corruption", "awgn", "isp_ablation"]
    assert main(command) == 0
    first = json.loads((tmp_path / "closeness.json").read_text())
    assert set(first["figures"]) == {"initial"} and first["photos"] == 11
    assert "baseline, initial" in (said := capsys.readouterr().out) and "trained" not in said
    assert main([*command, "--weights", weights(tmp_path / "w.safetensors")]) == 0
    both = json.loads((tmp_path / "closeness.json").read_text())
    assert both["figures"]["initial"] == first["figures"]["initial"]
    assert both["figures"]["trained"]["photo"] == first["figures"]["initial"]["photo"]
    assert both["figures"]["trained"]["baseline"] != first["figures"]["initial"]["baseline"]
    said = capsys.readouterr().out
    assert "11 photos; " in said and "refined, trained" in said and "photo, trained" not in said


def test_what_is_refused(words: list[str], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="recipe sympie_224 is for method 'sympie'; closeness is of 'dir'"):
        main(["sympie_224", *words[1:]])
    with pytest.raises(InputError, match="unknown corruption or family 'isp_x'"):
        main([*words, "--corruption", "isp_x"])
    with pytest.raises(InputError, match="9 photos are too few; give 10 or more"):
        main([*words, "--count", "9"])
    seen = weights(tmp_path / "w.safetensors", PhotoDataset.from_folder(tmp_path / "photos").subset([3]))
    with pytest.raises(InputError, match="module of small was trained on 1 of these 11 photos"):
        main([*words, "--weights", seen])
