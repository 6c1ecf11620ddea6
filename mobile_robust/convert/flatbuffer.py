"""A TFLite file as an object that can be changed, and back."""

from __future__ import annotations

from typing import Any


def unpack(content: bytes) -> Any:
    """The schema's ``ModelT``, with the constants that a file keeps behind its FlatBuffer brought back inside."""
    from ai_edge_litert.tools import flatbuffer_utils

    return flatbuffer_utils.read_model_from_bytearray(content)


def pack(model: Any) -> bytes:
    """The file's bytes."""
    from ai_edge_litert.tools import flatbuffer_utils

    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))
