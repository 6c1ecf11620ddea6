"""The Core ML reference runtime against PyTorch, against numbers computed by hand, and against broken files."""

from __future__ import annotations

import gc
import os
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mobile_robust.coreml_import import import_coremltools
from mobile_robust.errors import InputError
from mobile_robust.runtimes.coreml_mil.package import read_package
from mobile_robust.runtimes.coreml_mil.runtime import CoremlMil, MilSession
from tests.mutations import mutated


def convert(model: nn.Module, shape: tuple[int, ...], fp16: bool = False, ios: int = 16, image: bool = False) -> Any:
    """A small network as a coremltools model with the input x0 and the output y."""
    ct = import_coremltools()
    kind = ct.ImageType if image else ct.TensorType
    return ct.convert(
        torch.export.export(model.eval(), (torch.rand(shape),)).run_decompositions({}),
        inputs=[kind(name="x0", shape=shape)],
        outputs=[ct.TensorType(name="y")],
        convert_to="mlprogram",
        compute_precision=ct.precision.FLOAT16 if fp16 else ct.precision.FLOAT32,
        minimum_deployment_target=getattr(ct.target, f"iOS{ios}"),
        skip_model_load=True,
    )


def save(model: Any, folder: Path) -> Path:
    path = folder / "net.mlpackage"
    model.save(str(path))
    return path


def open_net(model: Any, folder: Path) -> MilSession:
    return CoremlMil().open(save(model, folder))


def operations(path: Path) -> set[str]:
    """Operation types in the file, read from its protobuf."""
    (block,) = read_package(path).spec.mlProgram.functions["main"].block_specializations.values()
    return {operation.type for operation in block.operations}


def constants(model: Any, kind: str) -> dict[str, np.ndarray]:
    """The stored parameters of the only operation of this kind."""
    (found,) = [op for op in model._mil_program.functions["main"].operations if op.op_type == kind]
    return {name: np.asarray(value.val) for name, value in found.inputs.items()}


class Convolutions(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.dilated = nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=4, bias=False)
        self.depthwise = nn.Conv2d(8, 8, (3, 1), padding=(1, 0), groups=8)
        self.up = nn.ConvTranspose2d(8, 6, 3, stride=2, padding=1, output_padding=1, groups=2)
        for name, statistic in self.norm.named_buffers():
            if name != "num_batches_tracked":
                statistic.uniform_(0.5, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu6(self.norm(self.first(F.pad(x, (0, 1, 0, 1)))))
        return self.up(self.depthwise(self.dilated(x)) * x + x)


class Pools(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        a = F.max_pool2d(x, 3, 2, 1)
        b = F.max_pool2d(x, 3, 2, 0, ceil_mode=True)
        c = F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)
        d = F.avg_pool2d(x, 3, 2, 1, ceil_mode=True)[:, :, 1:, 1:]
        return torch.cat([a, b, c, d, F.adaptive_avg_pool2d(x, 1).expand(-1, -1, 7, 7)], 1)


class Resizes(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        a = F.interpolate(x, scale_factor=2, mode="nearest")
        b = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        c = F.interpolate(x, size=(12, 16), mode="bilinear", align_corners=True)
        d = F.pixel_shuffle(torch.cat([x] * 4, 1), 2)
        return torch.cat([a, b, c, d], 1)


class Activations(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.prelu = nn.PReLU(4)
        self.prelu.weight.data = torch.tensor([0.1, 0.2, 0.3, 0.4])

    def forward(self, x: Tensor) -> Tensor:
        x = x * 4 - 2
        parts = [F.gelu(x), F.silu(x), F.elu(x, 0.7), F.softplus(x), F.hardswish(x)]
        parts += [F.hardsigmoid(x), F.leaky_relu(x, 0.2), self.prelu(x), torch.tanh(x), torch.erf(x), torch.exp(x)]
        parts += [torch.log(x.abs() + 1), torch.rsqrt(x * x + 1), torch.sqrt(x.abs()), torch.cos(x), torch.sin(x)]
        parts += [x.abs() ** 1.5, torch.maximum(x, -x), 1 / (x.abs() + 2), torch.where(x > 0, x, 3 * x)]
        return torch.cat(parts, 1)


class Norms(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer, self.instance = nn.LayerNorm([6, 8]), nn.InstanceNorm2d(4, affine=True)
        for parameter in self.parameters():
            parameter.data.uniform_(-1, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x) + self.instance(x) + F.group_norm(x, 2)
        return y + x.amax((2, 3), keepdim=True) - x.amin(1, keepdim=True) + x.sum((2, 3), keepdim=True)


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(8, 24), nn.Linear(8, 8, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.flatten(2).transpose(1, 2)  # (1, 48, 4)
        tokens = torch.cat([tokens, tokens.flip(1)], 2)  # (1, 48, 8)
        q, k, v = self.qkv(tokens).reshape(1, 48, 3, 2, 4).permute(2, 0, 3, 1, 4).unbind(0)
        y = F.scaled_dot_product_attention(q, k, v) + (q @ k.transpose(-2, -1)).softmax(-1) @ v
        return self.out(y.transpose(1, 2).reshape(1, 48, 8))[:, 0]


class Shaping(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        y = F.pad(x, (1, 2, 2, 1), mode="reflect") + F.pad(x, (2, 1, 1, 2), mode="replicate")  # (1, 4, 9, 11)
        y = torch.cat([y[:, 1:3, ::2, 3:-1], y[:, [2, 0], ::2, 3:-1]], 1)
        a, b = torch.stack([y, y + 1], 2).split([1, 3], 1)
        return torch.cat([a, b.squeeze(0).unsqueeze(0)], 1).repeat(1, 1, 1, 1, 2)


NETWORKS: dict[type[nn.Module], tuple[tuple[int, ...], set[str]]] = {
    Convolutions: ((1, 3, 19, 22), {"conv", "conv_transpose", "pad", "add"}),
    Pools: ((1, 4, 14, 14), {"max_pool", "avg_pool", "reduce_mean", "concat"}),
    Resizes: ((1, 4, 6, 8), {"upsample_nearest_neighbor", "upsample_bilinear", "pixel_shuffle"}),
    Activations: ((1, 4, 6, 8), {"gelu", "silu", "elu", "softplus", "sigmoid_hard", "leaky_relu", "prelu", "erf"}),
    Norms: ((1, 4, 6, 8), {"layer_norm", "instance_norm", "reduce_max", "reduce_min", "reduce_sum"}),
    Attention: ((1, 4, 6, 8), {"linear", "matmul", "softmax", "transpose", "reshape"}),
    Shaping: ((1, 4, 6, 8), {"pad", "slice_by_index", "stack", "split", "tile"}),
}


@pytest.mark.parametrize(
    "network", [Convolutions, *(pytest.param(network, marks=pytest.mark.slow) for network in [*NETWORKS][1:])]
)
def test_executes_like_pytorch(network: type[nn.Module], tmp_path: Path) -> None:
    shape, kinds = NETWORKS[network]
    torch.manual_seed(0)
    model, x = network().eval(), torch.rand(shape)
    path = save(convert(model, shape), tmp_path)
    assert kinds <= operations(path), "the converter no longer emits what this test is for"
    got = CoremlMil().open(path).predict({"x0": x.numpy()})["y"]
    with torch.no_grad():
        expected = model(x).numpy()
    assert (got.shape, got.dtype) == (expected.shape, np.float32)
    np.testing.assert_allclose(got, expected, rtol=0, atol=2e-6 * np.ptp(expected))


class MulAdd(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x * 1.2345 + 0.777)


@pytest.mark.slow
def test_float16_rounds_after_every_operation_and_overflows(tmp_path: Path) -> None:
    x = np.linspace(0, 3, 480, dtype=np.float32).reshape(1, 4, 10, 12)
    session = open_net(convert(MulAdd(), x.shape, fp16=True), tmp_path)
    got, half = session.predict({"x0": x})["y"], np.float16
    twice = (half(x) * half(1.2345) + half(0.777)).astype(np.float32)  # numpy rounds float16 after each operation
    once = (x * np.float32(1.2345) + np.float32(0.777)).astype(half).astype(np.float32)
    np.testing.assert_array_equal(got, twice)
    assert got.dtype == np.float32
    assert (got != once).mean() > 0.2, "rounding once at the end would be something else"
    assert np.isinf(session.predict({"x0": np.full_like(x, 6e4)})["y"]).all()


class Dense(nn.Module):
    """A linear layer with one dead output, whose quantization scale is 0."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.linear = nn.Linear(40, 30)
        self.linear.weight.data[7] = 0

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x)


@pytest.fixture(scope="module")
def dense() -> tuple[Dense, Any, np.ndarray]:
    return Dense(), convert(Dense(), (1, 40)), np.random.default_rng(0).normal(size=(1, 40)).astype(np.float32)


def quantized(model: Any, **options: Any) -> Any:
    """With all weights stored as the options say."""
    cto = import_coremltools().optimize.coreml
    config = cto.OpLinearQuantizerConfig(weight_threshold=512, **options)
    return cto.linear_quantize_weights(model, cto.OptimizationConfig(global_config=config))


def check_dense(dense: tuple, compressed: Any, weight: np.ndarray, folder: Path) -> None:
    """The session's output is that of the weight, and not that of the weight before compression."""
    model, _, x = dense
    got = open_net(compressed, folder).predict({"x0": x})["y"]
    bias = model.linear.bias.detach().numpy()
    np.testing.assert_allclose(got, x @ weight.T + bias, atol=2e-6)
    assert np.abs(got - model(torch.from_numpy(x)).detach().numpy()).max() > 1e-4


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # coremltools divides the dead output by its scale of 0
@pytest.mark.parametrize("mode", ["linear_symmetric", "linear"])
def test_int8_weights(mode: str, dense: tuple, tmp_path: Path) -> None:
    compressed = quantized(dense[1], mode=mode)
    stored = constants(compressed, "constexpr_affine_dequantize")
    data, scale, zero = stored["quantized_data"], stored["scale"], stored["zero_point"]
    assert (data.dtype, scale.shape, scale[7]) == (np.int8, (30,), 0)
    assert zero.any() == (mode == "linear")
    weight = np.stack([s * (row.astype(np.float32) - z) for row, s, z in zip(data, scale, zero, strict=True)])
    assert not weight[7].any()
    check_dense(dense, compressed, weight, tmp_path)


def test_palettized_weights(dense: tuple, tmp_path: Path) -> None:
    cto = import_coremltools().optimize.coreml
    config = cto.OpPalettizerConfig(mode="uniform", nbits=6, weight_threshold=512)
    compressed = cto.palettize_weights(dense[1], cto.OptimizationConfig(global_config=config))
    stored = constants(compressed, "constexpr_lut_to_dense")
    assert (stored["indices"].size, stored["lut"].size) == (40 * 30 * 6 // 8, 64)
    bits = int.from_bytes(stored["indices"].tobytes(), "little")
    weight = stored["lut"][[(bits >> (6 * i)) & 63 for i in range(1200)]].reshape(30, 40)
    check_dense(dense, compressed, weight, tmp_path)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_int4_blocks_of_ios18(dense: tuple, tmp_path: Path) -> None:
    plain = convert(Dense(), (1, 40), ios=18)
    compressed = quantized(plain, mode="linear", dtype="int4", granularity="per_block", block_size=10)
    stored = constants(compressed, "constexpr_blockwise_shift_scale")
    data, scale, offset = (stored[name].astype(np.float32) for name in ("data", "scale", "offset"))
    assert scale.shape == (30, 4)
    weight = np.array([[(data[i, j] - offset[i, j // 10]) * scale[i, j // 10] for j in range(40)] for i in range(30)])
    check_dense(dense, compressed, weight, tmp_path)


def test_image_input_takes_pixels(tmp_path: Path) -> None:
    session = open_net(convert(MulAdd(), (1, 3, 4, 6), image=True), tmp_path)
    image = np.arange(72, dtype=np.float32).reshape(1, 3, 4, 6)
    np.testing.assert_allclose(session.predict({"x0": image})["y"], image * 1.2345 + 0.777, rtol=1e-6)


@pytest.fixture(scope="module")
def muladd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(convert(MulAdd(), (1, 4, 2, 2)), tmp_path_factory.mktemp("muladd"))


@pytest.mark.parametrize(
    "inputs",
    [{}, {"y0": np.zeros((1, 4, 2, 2), np.float32)}, {"x0": np.zeros((1, 2, 2, 4), np.float32)}],
    ids=["missing", "unknown", "shape"],
)
def test_wrong_inputs_are_named(muladd: Path, inputs: dict[str, np.ndarray]) -> None:
    with pytest.raises(InputError, match=r"net\.mlpackage: takes the inputs x0 \[1, 4, 2, 2\]; got "):
        CoremlMil().open(muladd).predict(inputs)


class Unknown(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.cumsum(x, 1) * 2


def test_operation_that_is_not_implemented(tmp_path: Path) -> None:
    path = save(convert(Unknown(), (1, 4)), tmp_path)
    with pytest.raises(InputError, match=r"net\.mlpackage: operation 'cumsum' \(output '\w+'\) is not implemented"):
        CoremlMil().open(path)


@pytest.fixture
def package(dense: tuple, tmp_path: Path) -> Path:
    return save(dense[1], tmp_path)


WEIGHTS = "Data/com.apple.CoreML/weights/weight.bin"
MODEL = "Data/com.apple.CoreML/model.mlmodel"


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as error:
        CoremlMil().open(path)
    return str(error.value)


@pytest.mark.parametrize("keep", [0, 10, 100, 3000])
def test_truncated_weights(package: Path, keep: int) -> None:
    os.truncate(package / WEIGHTS, keep)
    assert re.search(r"net\.mlpackage: cannot be read back: .*weights in Data.*truncated", refusal(package))


def test_missing_files_are_named(package: Path) -> None:
    (package / WEIGHTS).unlink()
    assert re.search(r"net\.mlpackage: cannot be read back: .*weight\.bin", refusal(package))
    shutil.rmtree((package / WEIGHTS).parent)
    assert re.search(r"incomplete: .*weights is missing", refusal(package))
    (package / MODEL).unlink()
    assert re.search(r"incomplete: .*model\.mlmodel is missing", refusal(package))
    (package / "Manifest.json").unlink()
    assert "net.mlpackage: not an .mlpackage: no Manifest.json in it" in refusal(package)


@pytest.mark.parametrize("text", ['{"a":', "{}", "[]", '{"itemInfoEntries": {}, "rootModelIdentifier": "x"}', "\xff"])
def test_corrupt_manifest(package: Path, text: str) -> None:
    (package / "Manifest.json").write_text(text, encoding="latin-1")
    assert "Manifest.json: not the manifest of an .mlpackage" in refusal(package)


@pytest.mark.parametrize(("keep", "reason"), [(0, "holds no model"), (300, "truncated")])
def test_truncated_model(package: Path, keep: int, reason: str) -> None:
    os.truncate(package / MODEL, keep)
    assert f"model.mlmodel: {reason}" in refusal(package)


def test_foreign_files(tmp_path: Path) -> None:
    foreign = tmp_path / "photo.zip"
    assert refusal(foreign).endswith("photo.zip: no such file")
    foreign.write_bytes(b"PK\x03\x04" + bytes(100))
    assert "photo.zip: not an .mlpackage" in refusal(foreign)


def test_neural_network_is_not_a_program(package: Path) -> None:
    spec = import_coremltools().proto.Model_pb2.Model()
    spec.neuralNetwork.SetInParent()
    (package / MODEL).write_bytes(spec.SerializeToString())
    assert "model.mlmodel: holds a model of type neuralNetwork; an mlProgram is needed" in refusal(package)


@pytest.mark.slow
def test_activations_are_freed_without_a_garbage_collection(muladd: Path) -> None:
    session, x = CoremlMil().open(muladd), {"x0": np.zeros((1, 4, 2, 2), np.float32)}
    session.predict(x)  # what is made once on the first call is no leak
    gc.collect()
    gc.disable()
    try:
        session.predict(x)
        assert gc.collect() == 0, "objects that only the garbage collector can free"
    finally:
        gc.enable()


def test_a_damaged_package_is_executed_or_refused(package: Path) -> None:
    inputs = {name: np.zeros(shape, np.float32) for name, shape in read_package(package).inputs.items()}
    refused: list[str] = []
    for path in (package / name for name in (WEIGHTS, MODEL, "Manifest.json")):
        content = path.read_bytes()
        for seed in range(100):
            path.write_bytes(mutated(content, seed))
            try:
                with CoremlMil().open(package) as session:
                    session.predict(inputs)
            except InputError as error:
                refused.append(str(error))
        path.write_bytes(content)
    assert 50 < len(refused) < 300 and all(message.startswith(str(package)) for message in refused)
