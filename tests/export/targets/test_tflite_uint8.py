"""uint8 at the ends of an int8 file: the same file inside, and bytes of a photo as they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from mobile_robust.contracts.precisions import PRECISIONS
from mobile_robust.contracts.recipe import QuantizationSection
from mobile_robust.errors import InputError
from mobile_robust.export.rounding import Rounder
from mobile_robust.export.targets.tflite import TfliteConverter
from mobile_robust.export.targets.tflite_uint8 import with_uint8_ends
from mobile_robust.runtimes.litert_cpu import LitertCpu
from mobile_robust.tflite import file as tflite_file
from tests.converted import Converted, TinyModule, randomized
from tests.export.targets.tiny import source


def test_nothing_but_the_ends_changes(pipeline: Converted) -> None:
    int8, uint8 = (tflite_file.read(pipeline.files[name]) for name in ("int8", "uint8_io"))
    assert [t.dtype for t in (*uint8.inputs.values(), *uint8.outputs.values())] == ["uint8", "uint8"]
    assert uint8.op_counts.get("DEQUANTIZE", 0) == 0 and uint8.op_counts["QUANTIZE"] == 2
    assert [op.name for op in uint8.operations[:-1]] == [op.name for op in int8.operations[:-1]]
    assert tflite_file.float_operations(uint8.path) == []


def test_nothing_is_lost_of_values_that_uint8_has(pipeline: Converted) -> None:
    image = tflite_file.read(pipeline.files["uint8_io"]).inputs["image"]
    photo = image.dequantize(np.random.default_rng(0).integers(0, 256, image.shape))
    outputs = []
    for name in ("int8", "uint8_io"):
        with LitertCpu().open(pipeline.files[name]) as session:
            outputs.append(session.predict({"image": photo})["logits"])
    np.testing.assert_array_equal(*outputs)


def test_what_computes_in_float_at_an_end_is_refused(pipeline: Converted) -> None:
    with pytest.raises(InputError, match=r'io = "uint8": the operation at serving_default_image computes in float'):
        with_uint8_ends(pipeline.files["fp32"].read_bytes())


@pytest.mark.slow
def test_a_recipe_asks_for_it_and_a_photo_goes_in_as_bytes(tmp_path: Path) -> None:
    plain = source()
    uint8 = plain.recipe.model_copy(update={"quantization": QuantizationSection(io="uint8")})
    network = Rounder(randomized(TinyModule), plain.calibration).network("int8")
    made = TfliteConverter(replace(plain, recipe=uint8)).convert(network, PRECISIONS["int8"], tmp_path / "tiny.tflite")
    image, features = made.inputs
    assert (image.dtype, features.dtype, made.outputs[0].dtype) == ("uint8", "uint8", "uint8")
    assert image.quantization is not None and features.quantization is not None
    assert image.quantization.zero_point == 0 and image.quantization.scale == pytest.approx(1 / 255, rel=1e-6)
    said = tflite_file.read(tmp_path / "tiny.tflite").metadata["TFLITE_METADATA"]
    assert b"a photo; stored as uint8, from 0 to 255" in said
    assert b"of a layer; stored as uint8, by the tensor's scale and zero point" in said
    runner = Interpreter(str(tmp_path / "tiny.tflite")).get_signature_runner()
    given = {name: np.zeros(each["shape"], np.uint8) for name, each in runner.get_input_details().items()}
    assert runner(**given)["repaired"].dtype == np.uint8
    fp16 = TfliteConverter(replace(plain, recipe=uint8)).convert(network, PRECISIONS["fp16"], tmp_path / "half.tflite")
    assert {tensor.dtype for tensor in (*fp16.inputs, *fp16.outputs)} == {"float32"}
