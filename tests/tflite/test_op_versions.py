"""A file that the phone's runtime would refuse is named here; files of our own builds are not."""

from __future__ import annotations

from pathlib import Path

import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from mobile_robust.tflite import flatbuffer
from mobile_robust.tflite.op_versions import NEWEST_VERSIONS, RUNTIME_VERSION, too_new

CODES = {name: code for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}


def naming(name: str, version: int) -> bytes:
    """A file with no operation, that names one version of one operation all the same."""
    code = schema.OperatorCodeT(builtinCode=CODES[name], deprecatedBuiltinCode=min(CODES[name], 127), version=version)
    graph = schema.SubGraphT(tensors=[], inputs=[], outputs=[], operators=[])
    model = schema.ModelT(version=3, operatorCodes=[code], subgraphs=[graph], buffers=[schema.BufferT()])
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


def test_the_phone_loads_our_builds(module_build: Path, pipeline_build: Path) -> None:
    files = [*module_build.glob("*.tflite"), *pipeline_build.glob("*.tflite")]
    assert len(files) == 5
    assert {file.name: too_new(file) for file in files} == {file.name: [] for file in files}


def test_every_version_of_the_table_is_one_that_the_later_runtime_here_still_loads() -> None:
    assert set(NEWEST_VERSIONS) < set(CODES)
    refused = {name: version for name, version in NEWEST_VERSIONS.items() if not loads(naming(name, version))}
    assert refused == {}


@pytest.mark.parametrize(
    ("name", "version", "problems"),
    [
        ("FULLY_CONNECTED", 11, []),
        ("FULLY_CONNECTED", 12, [f"FULLY_CONNECTED version 12: TFLite {RUNTIME_VERSION} knows it up to 11"]),
        ("STABLEHLO_COMPOSITE", 1, [f"operation STABLEHLO_COMPOSITE: TFLite {RUNTIME_VERSION} has none of this name"]),
    ],
)
def test_what_only_a_later_runtime_knows(tmp_path: Path, name: str, version: int, problems: list[str]) -> None:
    path = tmp_path / "later.tflite"
    path.write_bytes(naming(name, version))
    assert loads(path.read_bytes())
    assert too_new(path) == problems


def test_each_problem_of_a_real_file_is_named(module_build: Path, edit) -> None:
    def spoil(model: schema.ModelT) -> None:
        next(code for code in model.operatorCodes if code.builtinCode == CODES["QUANTIZE"]).version = 4
        custom = CODES["CUSTOM"]
        model.operatorCodes.append(
            schema.OperatorCodeT(builtinCode=custom, deprecatedBuiltinCode=custom, customCode=b"FlexErf")
        )
        spare = schema.TensorT(name=b"spare", shape=[1], type=schema.TensorType.BFLOAT16)
        model.subgraphs[0].tensors.append(spare)

    assert too_new(edit(module_build / "small_int8.tflite", spoil)) == [
        f"QUANTIZE version 4: TFLite {RUNTIME_VERSION} knows it up to 3",
        f"custom operation FlexErf: TFLite {RUNTIME_VERSION} has none of this name",
        f"tensors of BFLOAT16: TFLite {RUNTIME_VERSION} has no such type",
    ]
