"""An estimator in int8 in front of a repair in float: the parts are found in the file and kept as they should be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from ai_edge_litert.interpreter import Interpreter
from torch import Tensor, nn

from mobile_robust.export.rounding import prepare
from mobile_robust.export.targets.tflite import convert_tflite
from mobile_robust.export.targets.tflite_quantize import static_wi8_ai8
from mobile_robust.tflite import file as tflite_file
from mobile_robust.tflite.module_path import tensors_of
from tests.export.networks import images

SAMPLES = [{"image": image.permute(0, 2, 3, 1).contiguous().numpy()} for image in images(8)]


class Estimate(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.out = nn.Linear(8, 6)

    def forward(self, image: Tensor) -> Tensor:
        return self.out(torch.relu(self.conv(image)).mean((2, 3)))


class Repair(nn.Module):
    def forward(self, image: Tensor, numbers: Tensor) -> Tensor:
        scale, shift = numbers[:, :3, None, None], numbers[:, 3:, None, None]  # (1, 3, 1, 1)
        return (image * scale + shift).clamp(0, 1)


class Frame(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.nem, self.dwm = Estimate(), Repair()

    def forward(self, image: Tensor) -> Tensor:
        return self.dwm(image, self.nem(image))


@pytest.fixture(scope="module")
def network() -> Frame:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Frame().eval().requires_grad_(False)


@pytest.fixture(scope="module")
def float_file(network: Frame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("float_layers") / "float.tflite"
    convert_tflite(network, {"image": images(1)[0]}, "repaired", path)
    return path


def operations(path: Path, tensors: frozenset[str]) -> list[str]:
    return [op.name for op in tflite_file.read(path).operations if op.outputs[0].name in tensors]


@pytest.mark.slow
def test_operations_are_found_by_their_submodule(float_file: Path) -> None:
    file = tflite_file.read(float_file)
    assert operations(float_file, tensors_of(file, ["nem.out"])) == ["FULLY_CONNECTED"]
    assert "CONV_2D" in operations(float_file, tensors_of(file, ["nem"]))
    repair = tensors_of(file, ["dwm"])
    assert set(operations(float_file, repair)) >= {"MUL", "ADD"} and "CONV_2D" not in operations(float_file, repair)
    assert {t.name for t in file.outputs.values()} <= repair, "the output was renamed, and belongs to the repair"
    assert not tensors_of(file, []) and not tensors_of(file, ["ne", "conv", "dwm.conv"])


@pytest.mark.slow
def test_what_is_kept_stays_float_and_the_rest_does_not(network: Frame, float_file: Path, tmp_path: Path) -> None:
    kept = tensors_of(tflite_file.read(float_file), ["nem.out", "dwm"])
    path = tmp_path / "int8.tflite"
    path.write_bytes(static_wi8_ai8(float_file, SAMPLES, kept))
    assert tflite_file.float_operations(path, tensors=kept) == []
    assert any("FULLY_CONNECTED" in left for left in tflite_file.float_operations(path))
    dtypes = {op.name: op.outputs[0].dtype for op in tflite_file.read(path).operations}
    assert dtypes["CONV_2D"] == "int8" and dtypes["FULLY_CONNECTED"] == dtypes["MUL"] == "float32"
    expected = network(images(1)[0]).permute(0, 2, 3, 1).numpy()
    got = Interpreter(str(path)).get_signature_runner()(**SAMPLES[0])["repaired"]
    assert 0 < np.abs(got - expected).max() < 0.02


def test_kept_weights_are_not_rounded(network: Frame) -> None:
    rounded = prepare(network, [(image,) for image in images(4)], "int8", ["nem.out", "dwm"])
    assert torch.equal(rounded.nem.out.weight, network.nem.out.weight)
    assert not torch.equal(rounded.nem.conv.weight, network.nem.conv.weight)
