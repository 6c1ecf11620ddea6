"""From a network's name to verified files: what ``new`` writes, ``convert`` builds, as pipeline and as module."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobile_robust.contracts.manifest import read_manifest
from mobile_robust.export.cli import main as convert
from mobile_robust.new_recipe.cli import main as new

pytestmark = pytest.mark.slow

#: Small, and without the GPU engine, which takes minutes in software.
SETTINGS = """
[artifacts]
tflite = ["int8"]
coreml = ["fp16"]

[parity]
images = 2
"""
FILES = [("tflite", "int8"), ("coreml", "fp16")]


@pytest.mark.parametrize("scope", ["pipeline", "module"])
@pytest.mark.parametrize("module", ["afd", "sympie"])
def test_files_are_made_and_equal_to_pytorch(
    module: str, scope: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "r.toml"
    assert new(["mobilenetv4_conv_small", "--module", module, "--size", "64", "--out", str(recipe)]) == 0
    text = recipe.read_text()
    text = text.replace('scope = "pipeline"', f'scope = "{scope}"\naccelerators = ["cpu"]')
    if scope == "module":  # its layers' names begin at the module
        text = text.replace('"module.', '"')
    quantization = "calibration_images = 4\n"
    text = text + quantization if "[quantization]" in text else f"{text}\n[quantization]\n{quantization}"
    recipe.write_text(text + SETTINGS)
    assert convert([str(recipe), "--random-backbone", "0", "--out", str(tmp_path)]) == 0, capsys.readouterr().out
    manifest = read_manifest(tmp_path / "r")
    assert [(artifact.target, artifact.precision) for artifact in manifest.artifacts] == FILES
    for artifact in manifest.artifacts:
        assert [result.verdict for result in artifact.parity if result.metrics and not result.against], artifact.file
        assert all(result.verdict != "fail" for result in artifact.parity), artifact.file
