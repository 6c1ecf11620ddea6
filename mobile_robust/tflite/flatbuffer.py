"""A TFLite file as an object that can be changed, and back."""

from __future__ import annotations

from typing import Any

import numpy as np


def unpack(content: bytes) -> Any:
    """The schema's ``ModelT``, with the constants that a file keeps behind its FlatBuffer brought back inside."""
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(content)
    for buffer in model.buffers:
        if isinstance(buffer.data, bytes):  # brought back so, and packed again byte by byte: a minute for 80 MB
            buffer.data = np.frombuffer(buffer.data, np.uint8)
    return model


def pack(model: Any) -> bytes:
    """The file's bytes."""
    from ai_edge_litert.tools import flatbuffer_utils

    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def one_relu() -> bytes:
    """The smallest TFLite file, to try an engine with: y = relu(x), of shape (1, 1, 1, 4), float32."""
    from ai_edge_litert import schema_py_generated as schema

    relu = schema.BuiltinOperator.RELU
    tensors = [schema.TensorT(shape=[1, 1, 1, 4], name=name) for name in ("x", "y")]
    operators = [schema.OperatorT(inputs=[0], outputs=[1])]
    graph = schema.SubGraphT(tensors=tensors, inputs=[0], outputs=[1], operators=operators)
    codes = [schema.OperatorCodeT(builtinCode=relu, deprecatedBuiltinCode=relu)]
    return pack(schema.ModelT(version=3, operatorCodes=codes, subgraphs=[graph], buffers=[schema.BufferT()]))
