"""Small networks converted once per session: a module (image, features -> repaired), a pipeline (image -> logits)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from torch import Tensor, nn
from torch.nn import functional as F

from mobile_robust.contracts.recipe import Tolerance
from mobile_robust.export.targets.tflite import channels_last, convert_tflite
from mobile_robust.export.targets.tflite_quantize import static_wi8_ai8, weights_fp16
from mobile_robust.export.targets.tflite_uint8 import with_uint8_ends
from mobile_robust.runtimes.base import Arrays
from tests.shared import built_once


class TinyModule(nn.Module):
    """Like a deploy form: plain convolutions of several kinds, ReLU, nearest resize, concatenation, addition."""

    def __init__(self) -> None:
        super().__init__()
        self.dct = nn.Conv2d(3, 8, 8, stride=8)
        self.estimate = nn.Conv2d(8, 4, 1)
        self.down = nn.Conv2d(6, 8, 3, stride=2, padding=1)
        self.middle = nn.Conv2d(12, 8, 3, padding=1)
        self.up = nn.Conv2d(16, 6, 3, padding=1)

    def forward(self, image: Tensor, features: Tensor) -> Tensor:
        drift = self.estimate(F.relu(self.dct(image)))  # N 4 4 4
        down = F.relu(self.down(features))  # N 8 8 8
        drift = F.interpolate(drift, scale_factor=2, mode="nearest")
        middle = F.relu(self.middle(torch.cat([down, drift], 1)))
        up = self.up(torch.cat([middle, down], 1))
        return features + F.interpolate(up, scale_factor=2, mode="nearest")


class TinyPipeline(nn.Module):
    """Like a mobile classifier: batch norm to fold, ReLU6, a depthwise convolution, a residual, a linear head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU6())
        self.depthwise = nn.Sequential(
            nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False), nn.BatchNorm2d(8), nn.ReLU6()
        )
        self.project = nn.Sequential(nn.Conv2d(8, 8, 1, bias=False), nn.BatchNorm2d(8))
        self.head = nn.Conv2d(8, 16, 1)
        self.classify = nn.Linear(16, 10)

    def forward(self, image: Tensor) -> Tensor:
        x = self.stem(image * 2 - 1)  # N 8 16 16
        x = x + self.project(self.depthwise(x))
        x = torch.sigmoid(self.head(x)) * 2
        return self.classify(x.mean((2, 3)))  # N 10


@dataclass
class Converted:
    """A network and its files by precision. ``inputs`` are NHWC by name, ``model_inputs`` the same NCHW, in order."""

    model: nn.Module
    files: dict[str, Path]
    inputs: Arrays
    model_inputs: tuple[Tensor, ...]
    expected: Arrays


def randomized(make: Callable[[], nn.Module]) -> nn.Module:
    """A network of always the same weights, its batch norms away from their defaults: a wrong fold cannot pass."""
    torch.manual_seed(0)
    model = make()
    for norm in model.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.running_mean.uniform_(-0.5, 0.5)
            norm.running_var.uniform_(0.5, 1.5)
            norm.weight.data.uniform_(0.5, 1.5)
            norm.bias.data.uniform_(-0.5, 0.5)
    return model.eval()


def _precisions(fp32: Path, samples: list[Arrays]) -> None:
    """Beside fp32: fp16 weights, int8 with float, int8 and uint8 inputs and outputs, dynamic (int8 weights alone)."""
    from ai_edge_quantizer import recipe
    from ai_edge_quantizer.quantizer import Quantizer

    int8, whole = static_wi8_ai8(fp32, samples), Quantizer(str(fp32), recipe.static_wi8_ai8())
    made = {
        "fp16": weights_fp16(fp32),
        "int8": int8,
        "uint8_io": with_uint8_ends(int8),
        "int8_io": whole.quantize(whole.calibrate({"serving_default": samples[:1]})).quantized_model,
        "dynamic": Quantizer(str(fp32), recipe.dynamic_wi8_afp32()).quantize().quantized_model,
    }
    for name, content in made.items():
        fp32.with_name(f"{name}.tflite").write_bytes(content)


def _converted(
    factory: pytest.TempPathFactory, make: Callable[[], nn.Module], shapes: dict[str, tuple[int, ...]], output: str
) -> Converted:
    model, rng = randomized(make), np.random.default_rng(0)
    samples = [{name: rng.random(shape, dtype=np.float32) for name, shape in shapes.items()} for _ in range(4)]
    model_inputs = {name: torch.from_numpy(x).permute(0, 3, 1, 2) for name, x in samples[0].items()}

    def build(out: Path) -> None:
        convert_tflite(model, model_inputs, output, out / "fp32.tflite")
        _precisions(out / "fp32.tflite", samples)

    folder = built_once(factory, make.__name__, build)
    with torch.no_grad():
        expected = {output: channels_last(model(*model_inputs.values())).numpy()}
    files = {path.stem: path for path in folder.iterdir()}
    return Converted(model, files, samples[0], tuple(model_inputs.values()), expected)


#: What a file of each precision may differ from PyTorch by.
TOLERANCES = {
    "fp32": Tolerance(max_error=1e-5),
    "fp16": Tolerance(max_error=5e-3),
    **dict.fromkeys(("int8", "int8_io", "uint8_io", "dynamic"), Tolerance(snr_db=25.0)),
}


@pytest.fixture(scope="session")
def module(tmp_path_factory: pytest.TempPathFactory) -> Converted:
    return _converted(tmp_path_factory, TinyModule, {"image": (1, 32, 32, 3), "features": (1, 16, 16, 6)}, "repaired")


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Converted:
    return _converted(tmp_path_factory, TinyPipeline, {"image": (1, 32, 32, 3)}, "logits")


@pytest.fixture
def edit(tmp_path: Path) -> Callable[[Path, Callable[[Any], None]], Path]:
    """Writes a changed copy of a .tflite file: the change gets the schema's ``ModelT``."""

    def write(source: Path, change: Callable[[Any], None]) -> Path:
        model = schema.ModelT.InitFromPackedBuf(source.read_bytes(), 0)
        change(model)
        builder = flatbuffers.Builder(1 << 16)
        builder.Finish(model.Pack(builder), b"TFL3")
        target = tmp_path / f"edited_{source.name}"
        target.write_bytes(bytes(builder.Output()))
        return target

    return write


class _Awkward(nn.Module):
    """A convolution followed by something a phone's GPU has trouble with."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.stem = nn.Conv2d(4, 8, 3, padding=1)
        self.kernel = nn.Linear(8, 144)

    def forward(self, image: Tensor) -> Tensor:
        x = F.relu(self.stem(image))
        if self.kind == "xor":
            return (x.int() ^ 3).float()
        weights = self.kernel(x.mean((2, 3)))
        if self.kind == "grouped":
            return F.conv2d(x, weights.view(8, 2, 3, 3), padding=1, groups=4)
        return F.conv2d(x, weights.view(16, 1, 3, 3), padding=1, groups=8)


@pytest.fixture(scope="session")
def awkward(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files with run-time weights in a grouped and in a depthwise convolution of multiplier 2, and with BITWISE_XOR."""

    def build(out: Path) -> None:
        for kind in ("grouped", "depthwise", "xor"):
            network = randomized(partial(_Awkward, kind))
            convert_tflite(network, {"image": torch.rand(1, 4, 16, 16)}, "y", out / f"{kind}.tflite")

    return {path.stem: path for path in built_once(tmp_path_factory, "awkward", build).iterdir()}
