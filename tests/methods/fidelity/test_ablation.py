"""The fidelity map's ablation as users run it, its oracles included."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tomli_w
from PIL import Image

from mobile_robust.ablation.cli import main
from mobile_robust.data.images import built_in_photos
from tests.methods.fidelity.test_network import recipe


@pytest.mark.slow
def test_every_row_is_trained_and_scored(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    for index, photo in enumerate(built_in_photos((32, 32), 20)):
        (folder := photos / f"class{index % 10}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo).save(folder / f"{index}.png")
    content = recipe().model_dump(mode="json", exclude={"name"}, exclude_none=True, exclude_defaults=True)
    (tmp_path / "x.toml").write_text(tomli_w.dumps(content))
    words = ["fidelity", str(tmp_path / "x.toml"), "--images", str(photos), "--labels", "folders", "--holdout", "0.4"]
    words += ["--corruption", "fidelity_awgn:0.1", "--steps", "2", "--batch", "4", "--threads", "1", "--jobs", "1"]
    assert main([*words, "--out", str(tmp_path / "out")]) == 0
    scores = json.loads((tmp_path / "out" / "scores" / "scores.json").read_text())
    assert "oracle" in str(scores) and "restored_only" in str(scores)
