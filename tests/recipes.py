"""Recipes for tests, small enough to be built in seconds."""

from __future__ import annotations

from pathlib import Path

SMALL = """\
method = "{method}"
scope = "{scope}"
options = {{ {options} }}

[backbone]
{backbone}

[input]
size = 64
mean = [0.485, 0.456, 0.406]
std = [0.229, 0.224, 0.225]

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
    folder: Path,
    name: str = "small",
    scope: str = "module",
    backbone: str = MOBILENET,
    more: str = "",
    method: str = "afd",
    options: str = 'variant = "afd_nano"',
) -> Path:
    """Writes ``folder/NAME.toml``, with further tables."""
    path = folder / f"{name}.toml"
    path.write_text(SMALL.format(scope=scope, backbone=backbone, method=method, options=options) + more)
    return path
