"""Files from elsewhere: each is read, or refused in one message, by everything that reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from mobile_robust.errors import InputError
from mobile_robust.runtimes.base import EngineError
from mobile_robust.runtimes.gpu_delegate import check_op_table
from mobile_robust.runtimes.litert_cpu import LitertCpu
from mobile_robust.tflite import file as tflite_file
from mobile_robust.tflite.flatbuffer import pack
from mobile_robust.tflite.op_versions import too_new
from tests.mutations import mutated


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_a_damaged_file_is_read_or_refused(module, tmp_path: Path, precision: str) -> None:
    content, path = module.files[precision].read_bytes(), tmp_path / "damaged.tflite"
    refused: list[str] = []
    for seed in range(100):
        path.write_bytes(mutated(content, seed))
        try:
            file = tflite_file.read(path)
        except InputError as error:
            refused.append(str(error))
            continue
        check_op_table(file)
        too_new(path)
        tflite_file.float_operations(file)
    assert 0 < len(refused) < 100 and all(message.startswith(f"{path}: ") for message in refused)


@pytest.mark.slow
def test_a_damaged_file_runs_or_is_refused(module, tmp_path: Path) -> None:
    content, path = module.files["int8"].read_bytes(), tmp_path / "damaged.tflite"
    ran, refused = 0, []
    for seed in range(30):
        path.write_bytes(mutated(content, seed))
        try:
            with LitertCpu().open(path) as session:
                session.predict(module.inputs)
            ran += 1
        except (InputError, EngineError) as error:
            refused.append(str(error))
        except KeyError:  # of a tensor that lost its name, which callers say
            continue
    assert ran and refused and all(message.startswith(f"{path}: ") for message in refused)


def _negative_scale(model: schema.ModelT) -> None:
    graph = model.subgraphs[0]
    quantization = graph.tensors[graph.operators[0].outputs[0]].quantization
    quantization.scale = -quantization.scale


def test_a_file_that_crashes_the_engine_is_one_message(module, edit) -> None:
    path = edit(module.files["int8"], _negative_scale)
    with pytest.raises(InputError, match=rf"^{path}: LiteRT cannot prepare it: the engine's process crashed \(SIG"):
        LitertCpu().open(path)


@pytest.mark.parametrize("shape", [[2**20, 2**20], [1, -5], [2**31 - 1] * 3])
def test_a_tensor_that_no_memory_holds_is_refused(module, edit, shape: list[int]) -> None:
    def change(model: schema.ModelT) -> None:
        graph = model.subgraphs[0]
        graph.tensors[graph.inputs[0]].shape = shape

    with pytest.raises(InputError, match="(has the shape|this runtime can read)"):
        tflite_file.read(edit(module.files["fp32"], change))


@pytest.mark.parametrize("scale", [[np.inf], [np.nan], [-np.inf]])
def test_a_tensor_without_a_usable_scale_is_refused(module, edit, scale: list[float]) -> None:
    def change(model: schema.ModelT) -> None:
        graph = model.subgraphs[0]
        graph.tensors[graph.operators[0].outputs[0]].quantization.scale = scale

    with pytest.raises(InputError, match="one finite scale and one zero point a channel"):
        tflite_file.read(edit(module.files["int8"], change))


def test_a_file_with_a_loop_which_could_be_endless_is_refused(tmp_path: Path) -> None:
    def graph(tensors: list[schema.TensorT], **operator: Any) -> schema.SubGraphT:
        operators = [schema.OperatorT(inputs=[0], outputs=[1], **operator)] if operator else []
        return schema.SubGraphT(tensors=tensors, inputs=[0], outputs=[1], operators=operators)

    x, y = (schema.TensorT(shape=[1, 4], name=name) for name in "xy")
    true = schema.TensorT(shape=[], name="true", type=schema.TensorType.BOOL, buffer=1)
    loop = schema.WhileOptionsT(condSubgraphIndex=1, bodySubgraphIndex=2)
    graphs = [
        graph([x, y], opcodeIndex=0, builtinOptions=loop, builtinOptionsType=schema.BuiltinOptions.WhileOptions),
        graph([x, true]),
        graph([x, y], opcodeIndex=1),
    ]
    codes = [
        schema.OperatorCodeT(builtinCode=code, deprecatedBuiltinCode=code)
        for code in (schema.BuiltinOperator.WHILE, schema.BuiltinOperator.RELU)
    ]
    path = tmp_path / "endless.tflite"
    buffers = [schema.BufferT(), schema.BufferT(data=[1])]
    path.write_bytes(pack(schema.ModelT(version=3, operatorCodes=codes, subgraphs=graphs, buffers=buffers)))
    with pytest.raises(InputError, match=f"^{path}: .*it holds WHILE"):
        LitertCpu().open(path)
