"""TFLite metadata: what the tensors mean, inside the file, in the format that Android Studio and the Task Library read.

The format is a FlatBuffer of its own (``metadata_schema.fbs`` of TensorFlow Lite Support, identifier M001), stored in
the model's buffer named TFLITE_METADATA. Its Python writer is no longer published for current Pythons, so the few
tables needed are written here; the numbers beside them are the schema's field slots.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import replace

import flatbuffers
import numpy as np

from mobile_robust.contracts.tensors import Role, TensorSpec
from mobile_robust.tflite import flatbuffer

ENTRY = "TFLITE_METADATA"
IDENTIFIER = b"M001"
#: The file with the names of the classes.
LABELS = "labels.txt"
_IMAGE_PROPERTIES, _NORMALIZATION_OPTIONS, _RGB, _AXIS_LABELS = 2, 1, 1, 2


def pack(
    name: str,
    description: str,
    version: str,
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    classes: bool = False,
) -> bytes:
    """The metadata buffer, with the tensors in the order of the file's own inputs and outputs; ``classes``: the file
    holds the names of the logits' classes, see :func:`with_classes`."""
    builder = flatbuffers.Builder(1024)
    takes = _vector(builder, [_tensor(builder, spec, spec.role is Role.IMAGE) for spec in inputs])
    named = [classes and spec.role is Role.LOGITS for spec in outputs]
    gives = _vector(builder, [_tensor(builder, spec, False, has) for spec, has in zip(outputs, named, strict=True)])
    subgraph = _table(builder, 9, {2: takes, 3: gives})  # SubGraphMetadata
    fields = {
        0: builder.CreateString(name),
        1: builder.CreateString(description),
        2: builder.CreateString(version),
        3: _vector(builder, [subgraph]),
        4: builder.CreateString("mobile-robust"),
        7: builder.CreateString("1.0.0"),  # least version of the parser
    }
    builder.Finish(_table(builder, 8, fields), file_identifier=IDENTIFIER)
    return bytes(builder.Output())


def as_uint8(spec: TensorSpec) -> TensorSpec:
    """What a tensor is in a file that stores it as uint8: a photo's own bytes, or numbers by the tensor's scale."""
    if spec.role is Role.IMAGE:
        text = f"{spec.description}; stored as uint8, from 0 to 255"
        return replace(spec, description=text, value_range=(0.0, 255.0))
    return replace(spec, description=f"{spec.description}; stored as uint8, by the tensor's scale and zero point")


def attach(model: bytes, entries: dict[str, bytes]) -> bytes:
    """A TFLite file with metadata entries (name -> content) added."""
    from ai_edge_litert import schema_py_generated as schema

    content = flatbuffer.unpack(model)
    content.metadata = list(content.metadata or [])
    for name, data in entries.items():
        content.metadata.append(schema.MetadataT(name=name, buffer=len(content.buffers)))
        content.buffers.append(schema.BufferT(data=list(data)))
    return flatbuffer.pack(content)


def with_classes(model: bytes, names: Sequence[str]) -> bytes:
    """A TFLite file with the names of its classes, one a line, in a zip archive behind it: where the Task Library and
    Android Studio look for a label file, and every unzip finds it."""
    if not names:
        return model
    file = io.BytesIO()
    file.write(model)
    with zipfile.ZipFile(file, "a") as archive:  # the date is the format's first, so that equal builds are equal files
        archive.writestr(zipfile.ZipInfo(LABELS), "".join(f"{name}\n" for name in names))
    return file.getvalue()


def _tensor(builder: flatbuffers.Builder, spec: TensorSpec, photo: bool, named: bool = False) -> int:
    """A photo in [0, 255] is divided by the app where the file takes [0, 1]."""
    fields = {0: builder.CreateString(spec.name), 1: builder.CreateString(spec.sentence)}
    if photo and spec.value_range:
        fields[3] = _image_content(builder)
        fields[4] = _vector(builder, [_normalization(builder, 255 / spec.value_range[1])])
    if spec.value_range:
        low, high = spec.value_range
        fields[5] = _table(builder, 2, {0: _float(builder, high), 1: _float(builder, low)})  # Stats
    if named:
        label_file = {0: builder.CreateString(LABELS), 1: builder.CreateString("names of the classes, in their order")}
        fields[6] = _vector(builder, [_associated_file(builder, label_file)])
    return _table(builder, 7, fields)  # TensorMetadata


def _associated_file(builder: flatbuffers.Builder, texts: dict[int, int]) -> int:
    builder.StartObject(5)  # AssociatedFile
    for slot, text in texts.items():
        builder.PrependUOffsetTRelativeSlot(slot, text, 0)
    builder.PrependInt8Slot(2, _AXIS_LABELS, 0)
    return int(builder.EndObject())


def _image_content(builder: flatbuffers.Builder) -> int:
    builder.StartObject(2)  # ImageProperties
    builder.PrependInt8Slot(0, _RGB, 0)
    return _union(builder, 3, _IMAGE_PROPERTIES, builder.EndObject())  # Content


def _normalization(builder: flatbuffers.Builder, std: float) -> int:
    options = _table(builder, 2, {0: _float(builder, 0.0), 1: _float(builder, std)})  # NormalizationOptions
    return _union(builder, 2, _NORMALIZATION_OPTIONS, options)  # ProcessUnit


def _union(builder: flatbuffers.Builder, slots: int, kind: int, value: int) -> int:
    """A table whose first field is a union: its type in slot 0, the value in slot 1."""
    builder.StartObject(slots)
    builder.PrependUint8Slot(0, kind, 0)
    builder.PrependUOffsetTRelativeSlot(1, value, 0)
    return int(builder.EndObject())


def _table(builder: flatbuffers.Builder, slots: int, fields: dict[int, int]) -> int:
    """A table of offsets by slot."""
    builder.StartObject(slots)
    for slot, offset in fields.items():
        builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
    return int(builder.EndObject())


def _vector(builder: flatbuffers.Builder, offsets: Sequence[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())


def _float(builder: flatbuffers.Builder, value: float) -> int:
    """A vector of one."""
    return int(builder.CreateNumpyVector(np.array([value], np.float32)))
