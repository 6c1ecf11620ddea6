from __future__ import annotations

import random

import numpy as np
import pytest

from mobile_robust.errors import InputError
from mobile_robust.tflite import file as tflite_file


def test_reads_operations_signature_and_tensors(module):
    file = tflite_file.read(module.files["fp32"])
    assert file.signature == "serving_default"
    assert {name: (t.shape, t.dtype) for name, t in file.inputs.items()} == {
        "image": ((1, 32, 32, 3), "float32"),
        "features": ((1, 16, 16, 6), "float32"),
    }
    assert file.outputs["repaired"].shape == (1, 16, 16, 6)
    assert file.op_counts["CONV_2D"] == 5
    assert file.op_counts["RESIZE_NEAREST_NEIGHBOR"] == 2
    first = file.operations[0]
    assert first.name == "CONV_2D"
    assert "dct" in first.outputs[0].name
    assert [t.constant for t in first.inputs if t] == [False, True, True]
    half = next(op for op in tflite_file.read(module.files["fp16"]).operations if op.name == "CONV_2D")
    assert len(half.runtime_inputs) == 1, "half-precision weights are constants too"
    assert file.metadata["min_runtime_version"].rstrip(b"\0").count(b".") == 2


def test_a_quantized_tensor_goes_to_real_and_back(module):
    file = tflite_file.read(module.files["int8_io"])
    image = file.inputs["image"]
    assert image.dtype == "int8"
    assert len(image.scale) == 1
    stored = np.arange(-128, 128, dtype=np.int8)
    assert np.array_equal(image.quantize(image.dequantize(stored)), stored)
    assert image.quantize(np.array([1e9, -1e9])).tolist() == [127, -128]
    weights = file.operations[0].inputs[1]
    assert len(weights.scale) == weights.shape[0] > 1  # per channel


def test_float_operations_are_named(module, pipeline):
    for made in (module, pipeline):
        for precision in ("int8", "int8_io"):
            assert tflite_file.float_operations(made.files[precision]) == []
    found = tflite_file.float_operations(module.files["fp32"])
    assert len(found) == len(tflite_file.read(module.files["fp32"]).operations)
    assert found[0].startswith("CONV_2D -> ") and "Conv2d_dct" in found[0]
    assert len(tflite_file.float_operations(module.files["dynamic"])) == len(found)
    allowed = tflite_file.float_operations(module.files["fp32"], ["CONV_2D"])
    assert allowed and not any(line.startswith("CONV_2D") for line in allowed)


def test_one_operation_left_in_float_is_found(module, tmp_path):
    """The quantizer keeps the second convolution in float between a DEQUANTIZE and a QUANTIZE."""
    from ai_edge_quantizer import recipe
    from ai_edge_quantizer.quantizer import Quantizer

    keep = {"regex": ".*Conv2d_middle;.*", "operation": "*", "algorithm_key": "no_quantize", "op_config": {}}
    quantizer = Quantizer(str(module.files["fp32"]), [*recipe.static_wi8_ai8(), keep])
    path = tmp_path / "mixed.tflite"
    path.write_bytes(quantizer.quantize(quantizer.calibrate({"serving_default": [module.inputs]})).quantized_model)
    (found,) = tflite_file.float_operations(path)
    assert found.startswith("CONV_2D -> ")
    assert "Conv2d_middle" in found
    assert tflite_file.float_operations(path, allowed=["CONV_2D"]) == []


def test_a_truncated_file_is_an_input_error(module, tmp_path):
    content = module.files["int8"].read_bytes()
    path = tmp_path / "cut.tflite"
    for length in (0, 1, 4, 7, 8, 12, 64, len(content) - 1, *range(100, len(content), len(content) // 40)):
        path.write_bytes(content[:length])
        with pytest.raises(InputError, match=r"cut\.tflite"):
            tflite_file.read(path)


def test_flipped_bits_give_a_file_or_an_input_error(module, tmp_path):
    content = module.files["int8"].read_bytes()
    rng = random.Random(0)
    path = tmp_path / "flipped.tflite"
    refused = 0
    for _ in range(100):
        damaged = bytearray(content)
        damaged[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        try:
            tflite_file.read(path)
        except InputError as error:
            refused += "flipped.tflite" in str(error)
    assert 0 < refused < 100


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"PK\x03\x04 a zip file of some length", b"\0\0\0\0TFL3" + b"\xff" * 64]
)
def test_a_foreign_file_is_an_input_error(tmp_path, content):
    path = tmp_path / "foreign.tflite"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"foreign\.tflite: not a TFLite file"):
        tflite_file.read(path)


def test_a_missing_file_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        tflite_file.read(tmp_path / "none.tflite")
    with pytest.raises(InputError, match="directory"):
        tflite_file.read(tmp_path)


def test_constants_behind_the_flatbuffer_are_constants(module, edit):
    """Large files keep buffers after the flatbuffer, by offset and size."""
    good = module.files["fp32"]
    weights = tflite_file.read(good).operations[0].inputs[1]
    blobs = []

    def move(offset):
        def change(model):
            buffer = model.buffers[model.subgraphs[0].tensors[weights.index].buffer]
            blobs.append(bytes(buffer.data))
            buffer.data, buffer.offset, buffer.size = None, offset, len(blobs[-1])

        return change

    start = -(-len(edit(good, move(1 << 20)).read_bytes()) // 16) * 16
    path = edit(good, move(start))
    content = path.read_bytes()
    path.write_bytes(content.ljust(start, b"\0") + blobs[0])
    first = tflite_file.read(path).operations[0]
    assert [t.constant for t in first.inputs] == [False, True, True]
    path.write_bytes(content.ljust(start, b"\0") + blobs[0][:-1])
    with pytest.raises(InputError, match="truncated or damaged"):
        tflite_file.read(path)
