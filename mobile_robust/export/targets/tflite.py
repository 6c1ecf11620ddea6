"""PyTorch deploy form -> TFLite with channels-last inputs and outputs, named as an app developer expects."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection
from os import PathLike
from pathlib import Path

from torch import Tensor, nn

from mobile_robust.contracts.manifest import Quantization
from mobile_robust.contracts.manifest import Tensor as TensorEntry
from mobile_robust.contracts.precisions import PrecisionSpec
from mobile_robust.contracts.targets import TARGETS
from mobile_robust.contracts.tensors import Role
from mobile_robust.errors import InputError, first_line, system_failure
from mobile_robust.export.targets.base import Converted, Converter
from mobile_robust.export.targets.tflite_quantize import static_wi8_ai8, weights_fp16
from mobile_robust.export.targets.tflite_uint8 import with_uint8_ends
from mobile_robust.files import write_atomically
from mobile_robust.quiet import quiet
from mobile_robust.tflite import file as tflite_file
from mobile_robust.tflite import metadata
from mobile_robust.tflite.file import TfliteFile
from mobile_robust.tflite.module_path import tensors_of


class ChannelsLast(nn.Module):
    """NHWC inputs and output around a network that works on NCHW; the converter cancels the transposes."""

    def __init__(self, network: nn.Module, output: str) -> None:
        super().__init__()
        self.network, self.output = network, output

    def forward(self, **inputs: Tensor) -> dict[str, Tensor]:
        """Inputs by name, (1, H, W, C) or (1, N) each -> {output: (1, H, W, C) or (1, N)}."""
        result = self.network(*(x.permute(0, 3, 1, 2) if x.dim() == 4 else x for x in inputs.values()))
        return {self.output: result.permute(0, 2, 3, 1) if result.dim() == 4 else result}


def channels_last(x: Tensor) -> Tensor:
    """An input as the file takes it: (1, C, H, W) -> (1, H, W, C); (1, N) stays."""
    return x.permute(0, 2, 3, 1).contiguous() if x.dim() == 4 else x


def convert_tflite(deploy: nn.Module, inputs: dict[str, Tensor], output: str, path: Path) -> None:
    """Writes the float32 file.

    Args:
        deploy: Network in eval mode, NCHW.
        inputs: One example per input by name, (1, C, H, W) or (1, N), in the order of ``deploy``'s arguments.
        output: Name of the output.
        path: File to write.

    Raises:
        InputError: The converter cannot take the network.
    """
    examples = {name: channels_last(x) for name, x in inputs.items()}
    try:
        with quiet():
            import litert_torch

            model = litert_torch.convert(ChannelsLast(deploy, output).eval(), sample_kwargs=examples)
            content = model.model_content()
    except Exception as error:  # whatever a converter raises on a network it cannot take
        if system_failure(error):
            raise
        raise InputError(f"litert-torch cannot convert this network to TFLite: {first_line(error)}") from error
    write_atomically(path, content)  # not by the converter, which ends the process where the disk is full


class TfliteConverter(Converter):
    """A float32 file by litert-torch, quantized by ai-edge-quantizer."""

    spec = TARGETS["tflite"]

    def convert(self, network: nn.Module, precision: PrecisionSpec, path: Path) -> Converted:
        source, options = self.source, self.source.recipe.quantization
        float_path = path.with_name(f".{path.stem}.float{path.suffix}")
        try:
            convert_tflite(network, source.calibration.first, source.output, float_path)
            float_file = tflite_file.read(float_path)
            keep = tensors_of(float_file, options.float_layers)
            if precision.integer:
                content = self._int8(float_file, keep)
            else:
                content = weights_fp16(float_path) if precision.rounding == "half" else float_path.read_bytes()
        finally:
            float_path.unlink(missing_ok=True)
        uint8 = precision.integer and options.io == "uint8"
        model = metadata.attach(content, {metadata.ENTRY: self._metadata(float_file, uint8)})
        write_atomically(path, metadata.with_classes(model, source.classes))
        file = tflite_file.read(path)
        if precision.integer:
            self._require_integer(file, keep)
        return self.inspect(file)

    def inspect(self, path: PathLike[str]) -> Converted:
        file = tflite_file.read(path)

        def entry(name: str) -> TensorEntry:
            stored = (file.inputs | file.outputs)[name]
            scale = Quantization(scale=stored.scale[0], zero_point=stored.zero_point[0]) if stored.scale else None
            return self.tensor(name, stored.shape, stored.dtype, scale)

        inputs = [name for name in self.source.tensors if name in file.inputs]
        return Converted(file, tuple(map(entry, inputs)), tuple(map(entry, file.outputs)), file.op_counts)

    def _int8(self, float_file: TfliteFile, keep: Collection[str]) -> bytes:
        source = self.source
        samples = ({name: channels_last(x).numpy() for name, x in i.items()} for i in source.calibration)
        if source.recipe.quantization.io == "float32":
            return static_wi8_ai8(float_file.path, samples, keep)
        # a photo's bytes are the stored values only if the scale is exactly that of bytes, whatever the calibration saw
        specs = {tensor.name: source.tensors[name] for name, tensor in float_file.inputs.items()}
        photos = {name: s.value_range for name, s in specs.items() if s.role is Role.IMAGE and s.value_range}
        try:
            return with_uint8_ends(static_wi8_ai8(float_file.path, samples, keep, photos))
        except InputError as error:
            raise InputError(f"recipe {source.recipe.name}: {error}") from None

    def _require_integer(self, file: TfliteFile, keep: Collection[str]) -> None:
        """Nobody should ship an int8 file that is still float inside without having asked for it."""
        recipe = self.source.recipe
        if left := tflite_file.float_operations(file, recipe.quantization.allow_float_ops, keep):
            counts = Counter(operation.split()[0] for operation in left)
            raise InputError(
                f"recipe {recipe.name}: the int8 file still computes in float: "
                f"{', '.join(f'{count} {name}' for name, count in counts.items())}; the first is {left[0]}; allow them "
                f"with quantization.allow_float_ops = {json.dumps(list(counts))} or float_layers, or leave int8 out of "
                "artifacts.tflite"
            )

    def _metadata(self, file: TfliteFile, uint8: bool) -> bytes:
        recipe, facts, tensors = self.source.recipe, self.source.facts, self.source.tensors
        if uint8:
            tensors = {name: metadata.as_uint8(spec) for name, spec in tensors.items()}
        text = f"{recipe.title}. " + "; ".join(f"{key}: {value}" for key, value in facts.items())
        inputs, outputs = ([tensors[name] for name in names] for names in (file.inputs, file.outputs))
        return metadata.pack(recipe.name, text, facts["version"], inputs, outputs, bool(self.source.classes))


CONVERTER = TfliteConverter
