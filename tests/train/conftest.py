"""Photos, recipes and a tiny labelled set for the training tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from mobile_robust.data import built_in_photos
from tests.recipes import RESNET, write_recipe


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six small photos of different shapes; their names are labels 0 to 5."""
    folder = tmp_path_factory.mktemp("photos")
    for index, photo in enumerate(built_in_photos((120, 120), 12)[::2]):  # every second one: those are not compressed
        Image.fromarray(photo[: 100 + 4 * index, : 120 - 4 * index]).save(folder / f"{index}.png")
    return folder


@pytest.fixture(scope="session")
def recipes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One small recipe a method."""
    folder = tmp_path_factory.mktemp("recipes")
    afd = write_recipe(folder, "afd", backbone=RESNET)
    text = afd.read_text()
    sympie = folder / "sympie.toml"
    sympie.write_text(
        text.replace('"afd"', '"sympie"')
        .replace('options = { variant = "afd_nano" }\n', "")
        .replace("module", "pipeline")
    )
    deepcorrect = folder / "deepcorrect.toml"
    deepcorrect.write_text(
        text.replace('"afd"', '"deepcorrect"')
        .replace('{ variant = "afd_nano" }', '{ layers = ["conv1.0", "layer1.0.conv1"] }')
        .replace("module", "pipeline")
    )
    return {"afd": afd, "sympie": sympie, "deepcorrect": deepcorrect}
