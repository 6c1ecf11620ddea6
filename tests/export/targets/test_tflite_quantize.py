"""Smaller TFLite files: stored as asked, float32 inputs and outputs, and the prepared weights to the bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from mobile_robust.errors import InputError
from mobile_robust.export.rounding import LIMIT, prepare
from mobile_robust.export.targets.tflite import convert_tflite
from mobile_robust.export.targets.tflite_quantize import static_wi8_ai8, weights_fp16
from mobile_robust.tflite import file as tflite_file
from mobile_robust.tflite import flatbuffer
from tests.export.networks import Kinds, images, kinds

WEIGHTED = {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"}
SAMPLES = [{"image": image.permute(0, 2, 3, 1).contiguous().numpy()} for image in images(8)]


@pytest.fixture(scope="module")
def prepared() -> Kinds:
    return prepare(kinds(), [(image,) for image in images(8)], "int8")


@pytest.fixture(scope="module")
def float_file(prepared: Kinds, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("quantize") / "float.tflite"
    convert_tflite(prepared, {"image": images(1)[0]}, "logits", path)
    return path


@pytest.fixture(scope="module")
def int8_file(float_file: Path) -> Path:
    path = float_file.with_name("int8.tflite")
    path.write_bytes(static_wi8_ai8(float_file, SAMPLES))
    return path


def run(path: Path, sample: dict[str, np.ndarray]) -> np.ndarray:
    runner = Interpreter(str(path)).get_signature_runner()
    return runner(**sample)["logits"]


def stored(path: Path, index: int) -> np.ndarray:
    """A constant as it lies in the file."""
    model, tensor = flatbuffer.unpack(path.read_bytes()), tflite_file.read(path).tensors[index]
    data = bytes(model.buffers[model.subgraphs[0].tensors[index].buffer].data)
    return np.frombuffer(data, tensor.dtype).reshape(tensor.shape)


def test_fp16_stores_every_weight_in_half_precision(float_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "fp16.tflite"
    path.write_bytes(weights_fp16(float_file))
    file = tflite_file.read(path)
    weights = [op.inputs[1] for op in file.operations if op.name in WEIGHTED]
    assert len(weights) == 6 and all(file.producers[w.index].inputs[0].dtype == "float16" for w in weights)
    assert path.stat().st_size < 0.7 * float_file.stat().st_size
    assert [t.dtype for t in (*file.inputs.values(), *file.outputs.values())] == ["float32", "float32"]
    np.testing.assert_allclose(run(path, SAMPLES[0]), run(float_file, SAMPLES[0]), atol=2e-3)


def test_int8_computes_in_integers_between_float_inputs_and_outputs(int8_file: Path) -> None:
    file = tflite_file.read(int8_file)
    assert tflite_file.float_operations(int8_file) == []
    assert [t.dtype for t in (*file.inputs.values(), *file.outputs.values())] == ["float32", "float32"]
    assert set(file.inputs) == {"image"} and set(file.outputs) == {"logits"}


def test_int8_files_hold_the_prepared_weights_to_the_bit(prepared: Kinds, int8_file: Path) -> None:
    layers = [op for op in tflite_file.read(int8_file).operations if op.name in WEIGHTED]
    expected = [prepared.same, prepared.depthwise, prepared.twice, prepared.twice, prepared.valid, prepared.linear]
    names = ["CONV_2D", "DEPTHWISE_CONV_2D", *["CONV_2D"] * 3, "FULLY_CONNECTED"]
    assert [op.name for op in layers] == names
    for op, layer in zip(layers, expected, strict=True):
        weights = op.inputs[1]
        rows = layer.weight.flatten(1)
        grid = (rows / rows.abs().amax(1, keepdim=True) * LIMIT).round().reshape(layer.weight.shape)
        if op.name == "DEPTHWISE_CONV_2D":
            grid = grid.permute(1, 2, 3, 0)  # (1, kh, kw, C)
        elif op.name == "CONV_2D":
            grid = grid.permute(0, 2, 3, 1)  # (O, kh, kw, I)
        assert weights.dtype == "int8" and len(weights.scale) == layer.weight.shape[0]
        np.testing.assert_array_equal(stored(int8_file, weights.index), grid.numpy())


def test_int8_outputs_are_close(prepared: Kinds, int8_file: Path) -> None:
    expected = np.concatenate([prepared(image).numpy() for image in images(8)])
    got = np.concatenate([run(int8_file, sample) for sample in SAMPLES])
    assert np.abs(got - expected).max() < 0.05 * np.ptp(expected)


def test_ranges_hold_the_extremes_of_all_images(float_file: Path, tmp_path: Path) -> None:
    brightest = {"image": np.full((1, 32, 32, 3), 7.0, np.float32)}
    path = tmp_path / "int8.tflite"
    path.write_bytes(static_wi8_ai8(float_file, [brightest, *SAMPLES]))
    (quantize,) = [op for op in tflite_file.read(path).operations if op.name == "QUANTIZE"]
    image = quantize.outputs[0]
    assert image.dequantize(np.array([127])) == pytest.approx(7.0, rel=0.01)


def test_a_layer_that_is_zero_on_all_images_stays_so(tmp_path: Path) -> None:
    network = kinds()
    network.valid.bias.fill_(-1)
    float_file, path = tmp_path / "float.tflite", tmp_path / "int8.tflite"
    convert_tflite(network, {"image": images(1)[0]}, "logits", float_file)
    path.write_bytes(static_wi8_ai8(float_file, SAMPLES))
    bias = network.linear.bias.numpy()
    assert np.abs(run(path, SAMPLES[0]) - bias).max() < 0.01 * np.ptp(bias)


def test_int8_needs_an_image(float_file: Path) -> None:
    with pytest.raises(InputError, match="int8 needs at least one calibration image"):
        static_wi8_ai8(float_file, [])
