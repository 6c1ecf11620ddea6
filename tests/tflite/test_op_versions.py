"""A file that the phone's runtime would refuse is named here; files of our own builds are not."""

from __future__ import annotations

from pathlib import Path

import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from mobile_robust.errors import InputError
from mobile_robust.tflite import flatbuffer
from mobile_robust.tflite.op_versions import NEWEST_VERSIONS, RUNTIME_VERSION, too_new

CODES = {name: code for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}


@pytest.fixture
def changed(module_build: Path, tmp_path: Path):
    """Writes the module's int8 file anew after a change of its content."""

    def write(change) -> Path:
        model = flatbuffer.unpack((module_build / "small_int8.tflite").read_bytes())
        change(model)
        path = tmp_path / "changed.tflite"
        path.write_bytes(flatbuffer.pack(model))
        return path

    return write


def naming(name: str, version: int) -> bytes:
    """A file with no operation, that names one version of one operation all the same."""
    code = schema.OperatorCodeT()
    code.builtinCode, code.deprecatedBuiltinCode, code.version = CODES[name], min(CODES[name], 127), version
    graph = schema.SubGraphT()
    graph.tensors, graph.inputs, graph.outputs, graph.operators = [], [], [], []
    model = schema.ModelT()
    model.version, model.operatorCodes, model.subgraphs, model.buffers = 3, [code], [graph], [schema.BufferT()]
    return flatbuffer.pack(model)


def loads(content: bytes) -> bool:
    resolver = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    try:
        Interpreter(model_content=content, experimental_op_resolver_type=resolver)
    except ValueError as error:
        if "Didn't find op for builtin opcode" not in str(error):
            raise
        return False
    return True


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_the_phone_loads_a_module(module_build: Path, precision: str) -> None:
    assert too_new(module_build / f"small_{precision}.tflite") == []


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_the_phone_loads_a_pipeline(pipeline_build: Path, precision: str) -> None:
    assert too_new(pipeline_build / f"pipeline_{precision}.tflite") == []


def test_every_version_of_the_table_is_one_that_the_later_runtime_here_still_loads() -> None:
    assert set(NEWEST_VERSIONS) < set(CODES)
    refused = {name: version for name, version in NEWEST_VERSIONS.items() if not loads(naming(name, version))}
    assert refused == {}


def test_a_version_that_only_a_later_runtime_knows(tmp_path: Path) -> None:
    path = tmp_path / "later.tflite"
    for version in (11, 12):
        path.write_bytes(naming("FULLY_CONNECTED", version))
        assert loads(path.read_bytes())
        expected = [f"FULLY_CONNECTED version 12: TFLite {RUNTIME_VERSION} knows it up to 11"] if version == 12 else []
        assert too_new(path) == expected


def test_an_operation_that_only_a_later_runtime_knows(tmp_path: Path) -> None:
    path = tmp_path / "later.tflite"
    path.write_bytes(naming("STABLEHLO_COMPOSITE", 1))
    assert loads(path.read_bytes())
    assert too_new(path) == [f"operation STABLEHLO_COMPOSITE: TFLite {RUNTIME_VERSION} has none of this name"]


def test_each_problem_of_a_real_file_is_named(changed) -> None:
    def spoil(model: schema.ModelT) -> None:
        next(code for code in model.operatorCodes if code.builtinCode == CODES["QUANTIZE"]).version = 4
        custom = schema.OperatorCodeT()
        custom.builtinCode = custom.deprecatedBuiltinCode = CODES["CUSTOM"]
        custom.customCode, custom.version = b"FlexErf", 1
        model.operatorCodes.append(custom)
        spare = schema.TensorT()
        spare.name, spare.shape, spare.type = b"spare", [1], schema.TensorType.BFLOAT16
        model.subgraphs[0].tensors.append(spare)

    assert too_new(changed(spoil)) == [
        f"QUANTIZE version 4: TFLite {RUNTIME_VERSION} knows it up to 3",
        f"custom operation FlexErf: TFLite {RUNTIME_VERSION} has none of this name",
        f"tensors of BFLOAT16: TFLite {RUNTIME_VERSION} has no such type",
    ]


def test_damaged(module_build: Path, tmp_path: Path) -> None:
    path = tmp_path / "half.tflite"
    path.write_bytes((module_build / "small_fp32.tflite").read_bytes()[:2000])
    with pytest.raises(InputError, match="half.tflite"):
        too_new(path)
