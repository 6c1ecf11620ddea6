"""What a compiled file holds for the NPU, as the model that ONNX Runtime's QNN provider executes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mobile_robust.errors import InputError
from mobile_robust.runtimes.snapdragon_npu.compiler import DISPATCH
from mobile_robust.tflite.file import FileTensor, TfliteFile
from mobile_robust.tflite.flatbuffer import unpack


@dataclass(frozen=True)
class Payload:
    """Qualcomm's context binary, byte for byte as a phone would load it, and the name of the graph in it."""

    graph: str
    binary: bytes


def read_payload(compiled: TfliteFile) -> Payload:
    """The payload of the only operation of a file.

    Raises:
        InputError: The file was not compiled, or its operation does not say where the payload lies.
    """
    from flatbuffers import flexbuffers

    content = compiled.path.read_bytes()
    if [op.name for op in compiled.operations] != [DISPATCH]:
        raise InputError(
            f"{compiled.path}: holds {', '.join(compiled.op_counts)}; a compiled file holds one {DISPATCH}"
        )
    (operator,) = unpack(content).subgraphs[0].operators
    try:
        options = flexbuffers.GetRoot(bytes(operator.customOptions)).Value
        start, size, name = options["bytecode_offset"], options["bytecode_size"], options["name"]
    except (KeyError, TypeError, ValueError, IndexError):
        raise InputError(f"{compiled.path}: {DISPATCH} does not say where its payload is") from None
    if not 0 < start < start + size <= len(content):
        raise InputError(f"{compiled.path}: the payload of {DISPATCH} is not in the file")
    return Payload(name, content[start : start + size])


def context_model(compiled: TfliteFile) -> bytes:
    """An ONNX model of one node, EPContext, around the payload; its tensors are called as the payload calls them."""
    from onnx import ValueInfoProto, helper

    payload, (operation,) = read_payload(compiled), compiled.operations

    def info(tensor: FileTensor) -> ValueInfoProto:
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(tensor.dtype))
        return helper.make_tensor_value_info(tensor.name, kind, tensor.shape)

    inputs, outputs = operation.runtime_inputs, operation.outputs
    node = helper.make_node(
        "EPContext",
        [tensor.name for tensor in inputs],
        [tensor.name for tensor in outputs],
        domain="com.microsoft",
        embed_mode=1,
        ep_cache_context=payload.binary,
        main_context=1,
        source="QNNExecutionProvider",
        partition_name=payload.graph,
    )
    graph = helper.make_graph([node], payload.graph, list(map(info, inputs)), list(map(info, outputs)))
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()
