"""Recipes for tests, small enough to be built in seconds."""

from __future__ import annotations

from pathlib import Path

SMALL = """\
method = "afd"
scope = "{scope}"
options = {{ variant = "afd_nano" }}

[backbone]
{backbone}

[input]
size = 64

[quantization]
calibration_images = 4

[parity]
images = 2
"""
MOBILENET = 'name = "mobilenetv2_100"'
#: One of timm's tiny networks for tests; with PAD, pools, residual branches.
RESNET = 'name = "test_resnet"\nlayer = "act1"\noptions = { num_classes = 10 }'
#: The quickest build there is.
ONE_FILE = '[artifacts]\ntflite = []\ncoreml = ["fp16"]\n'


def write_recipe(
    folder: Path, name: str = "small", scope: str = "module", backbone: str = MOBILENET, more: str = ""
) -> Path:
    """Writes ``folder/NAME.toml``, of the small module or pipeline, with further tables."""
    path = folder / f"{name}.toml"
    path.write_text(SMALL.format(scope=scope, backbone=backbone) + more)
    return path
