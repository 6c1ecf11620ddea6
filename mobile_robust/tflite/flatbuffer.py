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
