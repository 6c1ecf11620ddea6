"""What an app must know of an artifact's inputs and outputs, in words and numbers."""

from __future__ import annotations

from collections import Counter
from typing import Any

from mobile_robust.contracts.manifest import Layout, Quantization, Tensor
from mobile_robust.contracts.recipe import Recipe
from mobile_robust.contracts.tensors import TensorSpec
from mobile_robust.tflite.file import FileTensor, TfliteFile


def tflite_tensors(file: TfliteFile, known: dict[str, TensorSpec]) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """(inputs, outputs) of a TFLite file."""

    def tensor(name: str, stored: FileTensor) -> Tensor:
        quantization = None
        if stored.scale:
            quantization = Quantization(scale=stored.scale[0], zero_point=stored.zero_point[0])
        return _tensor(name, stored.shape, stored.dtype, "NHWC", known[name], quantization)

    order = [name for name in known if name in file.inputs]
    return (
        tuple(tensor(name, file.inputs[name]) for name in order),
        tuple(tensor(name, stored) for name, stored in file.outputs.items()),
    )


def coreml_tensors(model: Any, known: dict[str, TensorSpec]) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """(inputs, outputs) of a Core ML model; an image input is a pixel buffer of the given size."""
    description = model.get_spec().description

    def tensor(feature: Any) -> Tensor:
        kind = feature.type.WhichOneof("Type")
        if kind == "imageType":
            shape, dtype = (1, 3, feature.type.imageType.height, feature.type.imageType.width), "image (RGB)"
        else:
            array = feature.type.multiArrayType
            shape = tuple(array.shape)
            dtype = array.ArrayDataType.Name(array.dataType).lower()
        return _tensor(feature.name, shape, dtype, "NCHW", known[feature.name], None)

    return tuple(map(tensor, description.input)), tuple(map(tensor, description.output))


def _tensor(
    name: str, shape: tuple[int, ...], dtype: str, layout: Layout, spec: TensorSpec, quantization: Quantization | None
) -> Tensor:
    return Tensor(
        name=name,
        shape=shape,
        dtype=dtype,
        layout=layout if len(shape) == 4 else "NC",
        role=spec.role,
        description=spec.description,
        value_range=spec.value_range,
        normalization=spec.normalization,
        quantization=quantization,
        repairs=spec.repairs,
    )


def annotate_coreml(model: Any, recipe: Recipe, known: dict[str, TensorSpec], facts: dict[str, str]) -> None:
    """Writes names, units and provenance into a Core ML model's own metadata (Xcode shows them)."""
    model.short_description = recipe.title or recipe.name
    model.author = "mobile-robust"
    model.version = facts["version"]
    for feature in model.get_spec().description.input:
        model.input_description[feature.name] = known[feature.name].sentence
    for feature in model.get_spec().description.output:
        model.output_description[feature.name] = known[feature.name].sentence
    for key, value in facts.items():
        model.user_defined_metadata[f"mobile_robust.{key}"] = value


def coreml_operations(model: Any) -> dict[str, int]:
    """Operation name -> count in a Core ML program, constants left out, most frequent first."""
    function = model.get_spec().mlProgram.functions["main"]
    block = function.block_specializations[function.opset]
    return dict(Counter(op.type for op in block.operations if op.type != "const").most_common())
