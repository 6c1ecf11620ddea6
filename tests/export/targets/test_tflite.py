"""Files an app developer expects: channels last without a transpose, inputs and outputs by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobile_robust.contracts.manifest import read_manifest
from mobile_robust.tflite import file as tflite_file


@pytest.mark.parametrize(
    ("build", "inputs", "outputs"),
    [
        ("module_build", {"image": (1, 64, 64, 3), "features": (1, 32, 32, 32)}, {"repaired": (1, 32, 32, 32)}),
        ("pipeline_build", {"image": (1, 64, 64, 3)}, {"logits": (1, 10)}),
    ],
)
def test_inputs_and_outputs_are_channels_last_and_named(request, build: str, inputs: dict, outputs: dict) -> None:
    folder: Path = request.getfixturevalue(build)
    manifest = read_manifest(folder)
    artifacts = [a for a in manifest.artifacts if a.target == "tflite"]
    assert len(artifacts) >= 2
    for artifact in artifacts:
        file = tflite_file.read(folder / artifact.file)
        assert file.signature == "serving_default"
        assert file.op_counts["TRANSPOSE"] == 2  # of the module's UpsampleConv and DepthToSpace, none for the layout
        assert {name: t.shape for name, t in file.inputs.items()} == inputs
        assert {name: t.shape for name, t in file.outputs.items()} == outputs


def test_the_module_is_made_of_phone_friendly_operations(module_build: Path) -> None:
    counts = tflite_file.read(module_build / "small_fp32.tflite").op_counts
    doubling = {"RESHAPE", "TRANSPOSE", "SLICE"}
    assert set(counts) == {"SUB", "CONV_2D", "PAD", "CONCATENATION", "ADD"} | doubling
    assert counts["SLICE"] == 1
    assert counts["SUB"] == 1  # the level shift is not in a bias again
