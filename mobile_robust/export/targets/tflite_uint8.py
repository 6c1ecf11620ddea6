"""uint8 in place of float32 at the inputs and outputs of an int8 TFLite file: a camera's bytes go in as they are.

The file's own QUANTIZE then takes uint8, and its DEQUANTIZE becomes a QUANTIZE that gives uint8: values 128 above the
int8 ones, by the same scale, so that nothing is lost.
"""

from __future__ import annotations

from typing import Any

from mobile_robust.errors import InputError
from mobile_robust.tflite import flatbuffer

_SHIFT = 128


def with_uint8_ends(content: bytes) -> bytes:
    """A file of :func:`~mobile_robust.export.targets.tflite_quantize.static_wi8_ai8`, with uint8 inputs and outputs.

    Raises:
        InputError: The first or last operation computes in float.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = flatbuffer.unpack(content)
    graph, codes = model.subgraphs[0], model.operatorCodes
    quantize, dequantize = schema.BuiltinOperator.QUANTIZE, schema.BuiltinOperator.DEQUANTIZE
    for end, at in ((graph.inputs, "inputs"), (graph.outputs, "outputs")):
        for index in map(int, end):
            users = [op for op in graph.operators if index in map(int, getattr(op, at))]
            others = [op for op in graph.operators if op not in users and index in (*op.inputs, *op.outputs)]
            code = quantize if at == "inputs" else dequantize
            if others or not users or any(codes[op.opcodeIndex].builtinCode != code for op in users):
                name = graph.tensors[index].name.decode()
                raise InputError(f'quantization.io = "uint8": the operation at {name} computes in float')
            (inside, *_) = users[0].outputs if at == "inputs" else users[0].inputs
            _as_uint8(graph.tensors[index], graph.tensors[inside], schema)
    for op in graph.operators:
        if int(op.outputs[0]) in map(int, graph.outputs):
            op.opcodeIndex = [each.builtinCode for each in codes].index(quantize)
            op.builtinOptionsType, op.builtinOptions = schema.BuiltinOptions.NONE, None
    return flatbuffer.pack(model)


def _as_uint8(tensor: Any, inside: Any, schema: Any) -> None:
    """Gives an input or output the scale of the int8 tensor behind it."""
    (zero,) = inside.quantization.zeroPoint
    tensor.type = schema.TensorType.UINT8
    scale = inside.quantization.scale
    tensor.quantization = schema.QuantizationParametersT(scale=scale, zeroPoint=[int(zero) + _SHIFT])
