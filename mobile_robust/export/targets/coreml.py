"""PyTorch deploy form -> Core ML mlprogram (iOS 16 and later): fp32, fp16, and weights in 8 bits or a 6-bit palette."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mobile_robust.contracts.manifest import Tensor as TensorEntry
from mobile_robust.contracts.precisions import PrecisionSpec
from mobile_robust.contracts.targets import TARGETS
from mobile_robust.contracts.tensors import Role
from mobile_robust.coreml_import import import_coremltools
from mobile_robust.errors import InputError, first_line, system_failure
from mobile_robust.export.rounding import least_compressed
from mobile_robust.export.targets.base import Converted, Converter
from mobile_robust.quiet import quiet


def convert_coreml(
    network: nn.Module,
    inputs: dict[str, Tensor],
    output: str,
    precision: PrecisionSpec,
    pixel_buffers: Collection[str] = (),
) -> Any:
    """The ``coremltools.models.MLModel`` of one precision; all but float32 compute in fp16.

    Args:
        network: Deploy form in eval mode, NCHW, its weights already rounded for the precision.
        inputs: One example per input by name, batch 1, in the order of the network's arguments.
        output: Name of the output.
        precision: Of computation and weights.
        pixel_buffers: Inputs that become Core ML images (RGB, 0 to 255); the others are arrays.

    Raises:
        InputError: The converter cannot take the network.
    """
    ct = import_coremltools()
    types = [
        ct.ImageType(name=name, shape=tuple(x.shape), color_layout=ct.colorlayout.RGB)
        if name in pixel_buffers
        else ct.TensorType(name=name, shape=tuple(x.shape))
        for name, x in inputs.items()
    ]
    try:
        with quiet(), torch.no_grad():
            model = ct.convert(
                torch.export.export(network, tuple(inputs.values())).run_decompositions(_DECOMPOSITIONS),
                inputs=types,
                outputs=[ct.TensorType(name=output)],
                convert_to="mlprogram",
                compute_precision=ct.precision.FLOAT32 if precision.rounding is None else ct.precision.FLOAT16,
                minimum_deployment_target=ct.target.iOS16,
                skip_model_load=True,
            )
            return _compressed(model, precision.rounding, least_compressed(network))
    except Exception as error:  # whatever a converter raises on a network it cannot take
        if system_failure(error):
            raise
        raise InputError(f"coremltools cannot convert this network to Core ML: {first_line(error)}") from error


def _cut(x: Tensor, padding: Sequence[int], *_: Any) -> Any:
    """Padding by less than nothing, which coremltools does not know, as slices."""
    if any(each > 0 for each in padding):
        return NotImplemented
    for axis, (before, behind) in enumerate(zip(padding[::2], padding[1::2], strict=True), start=1):
        if before or behind:
            x = x.narrow(-axis, -before, x.shape[-axis] + before + behind)
    return x


def _copied(x: Tensor) -> Tensor:
    """An alias, which coremltools does not know and a slice of everything becomes, as a copy, which it leaves out."""
    return x.clone()


_DECOMPOSITIONS: dict[Any, Callable[..., Any]] = {
    torch.ops.aten.pad.default: _cut,
    torch.ops.aten.alias.default: _copied,
}


def _compressed(model: Any, scheme: str | None, least: float) -> Any:
    """The model with weights that a scheme rounded to a coarse grid stored in fewer bits; loses nothing."""
    import coremltools.optimize.coreml as optimize

    if scheme == "large_int8":
        compress, kind, mode = optimize.linear_quantize_weights, optimize.OpLinearQuantizerConfig, "linear_symmetric"
    elif scheme == "large_palette":
        compress, kind, mode = optimize.palettize_weights, optimize.OpPalettizerConfig, "unique"
    else:
        return model
    chosen = dict.fromkeys(_coarse_weights(model, least), kind(mode=mode, weight_threshold=int(least)))
    return compress(model, optimize.OptimizationConfig(global_config=None, op_name_configs=chosen))


def _coarse_weights(model: Any, least: float) -> list[str]:
    """Names of the weights that ``rounding.is_compressed`` is true of.

    PyTorch names a parameter ``p_…`` and a buffer ``b_…``: constants of a method's algebra are buffers, and stay.
    """
    main = model._mil_program.functions["main"]
    layers = [op for op in main.find_ops(op_type="conv") if op.inputs["groups"].val == 1]
    weights = [op.inputs["weight"] for op in [*layers, *main.find_ops(op_type="linear")]]
    large = [w.op.name for w in weights if w.val is not None and w.val.size > least]
    return [name for name in large if name.startswith("p_")]


class CoremlConverter(Converter):
    """An ``.mlpackage`` by coremltools; photos in [0, 255] are pixel buffers."""

    spec = TARGETS["coreml"]

    def convert(self, network: nn.Module, precision: PrecisionSpec, path: Path) -> Converted:
        source = self.source
        photos = [name for name, spec in source.tensors.items() if spec.role is Role.IMAGE]
        pixel_buffers = photos if source.recipe.input.range == 255 else ()
        model = convert_coreml(network, source.calibration.first, source.output, precision, pixel_buffers)
        self._annotate(model)
        with quiet():
            model.save(str(path))
        return self.inspect(path)

    def inspect(self, path: PathLike[str]) -> Converted:
        spec = import_coremltools().utils.load_spec(fspath(path))

        def entry(feature: Any) -> TensorEntry:
            if feature.type.WhichOneof("Type") == "imageType":
                image = feature.type.imageType
                return self.tensor(feature.name, (1, 3, image.height, image.width), "image (RGB)")
            array = feature.type.multiArrayType
            return self.tensor(feature.name, tuple(array.shape), array.ArrayDataType.Name(array.dataType).lower())

        function = spec.mlProgram.functions["main"]
        operations = function.block_specializations[function.opset].operations
        counts = Counter(op.type for op in operations if op.type != "const")
        inputs, outputs = map(entry, spec.description.input), map(entry, spec.description.output)
        return Converted(path, tuple(inputs), tuple(outputs), dict(counts.most_common()))

    def _annotate(self, model: Any) -> None:
        """Writes descriptions and provenance into the model's own metadata, which Xcode shows."""
        recipe, facts, tensors = self.source.recipe, self.source.facts, self.source.tensors
        model.short_description = recipe.title or recipe.name
        model.author = "mobile-robust"
        model.version = facts["version"]
        for feature in model.get_spec().description.input:
            model.input_description[feature.name] = tensors[feature.name].sentence
        for feature in model.get_spec().description.output:
            model.output_description[feature.name] = tensors[feature.name].sentence
        for key, value in facts.items():
            model.user_defined_metadata[f"mobile_robust.{key}"] = value
        if self.source.classes:  # Xcode's preview shows the names of an image classifier's classes
            model.user_defined_metadata["com.apple.coreml.model.preview.type"] = "imageClassifier"
            labels = json.dumps({"labels": self.source.classes})
            model.user_defined_metadata["com.apple.coreml.model.preview.params"] = labels


CONVERTER = CoremlConverter
