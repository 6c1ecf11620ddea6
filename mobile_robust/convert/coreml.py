"""PyTorch deploy form -> Core ML mlprogram (iOS 16 and later): fp32, fp16, and weights in 8 bits or a 6-bit palette."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mobile_robust.contracts.recipe import CoremlForm
from mobile_robust.coreml_import import import_coremltools
from mobile_robust.quiet import quiet

#: Weights with fewer numbers stay as they are: their bytes do not matter, their precision may.
COMPRESSION_THRESHOLD = 512


class CoremlConverter:
    """Traces once, then makes every precision.

    Args:
        deploy: Network in eval mode, NCHW.
        inputs: One example per input by name, (1, C, H, W), in the order of ``deploy``'s arguments.
        output: Name of the output.
        image_range: 255 makes ``image`` a Core ML image input (a pixel buffer, RGB); 1 leaves it an array in [0, 1].
    """

    def __init__(self, deploy: nn.Module, inputs: dict[str, Tensor], output: str, image_range: int) -> None:
        self._ct = import_coremltools()
        self._inputs, self._output, self._image_range = inputs, output, image_range
        self._half: Any = None
        with quiet(), torch.no_grad():
            self._program = torch.export.export(deploy, tuple(inputs.values())).run_decompositions({})

    def convert(self, precision: CoremlForm) -> Any:
        """The ``coremltools.models.MLModel`` of one precision; the compressed ones are made of the fp16 one."""
        if precision == "fp32":
            return self._float(self._ct.precision.FLOAT32)
        if self._half is None:
            self._half = self._float(self._ct.precision.FLOAT16)
        return self._half if precision == "fp16" else self._compressed(precision)

    def _float(self, precision: Any) -> Any:
        ct = self._ct
        inputs = [
            ct.ImageType(name=name, shape=tuple(x.shape), color_layout=ct.colorlayout.RGB)
            if name == "image" and self._image_range == 255
            else ct.TensorType(name=name, shape=tuple(x.shape))
            for name, x in self._inputs.items()
        ]
        with quiet():
            return ct.convert(
                self._program,
                inputs=inputs,
                outputs=[ct.TensorType(name=self._output)],
                convert_to="mlprogram",
                compute_precision=precision,
                minimum_deployment_target=ct.target.iOS16,
                skip_model_load=True,
            )

    def _compressed(self, precision: CoremlForm) -> Any:
        with quiet():
            import coremltools.optimize.coreml as optimize

            if precision == "int8w":
                scheme = optimize.OpLinearQuantizerConfig(
                    mode="linear_symmetric", weight_threshold=COMPRESSION_THRESHOLD
                )
                compress = optimize.linear_quantize_weights
            else:
                scheme = optimize.OpPalettizerConfig(mode="kmeans", nbits=6, weight_threshold=COMPRESSION_THRESHOLD)
                compress = optimize.palettize_weights
            kept = dict.fromkeys(_depthwise_weights(self._half))
            return compress(self._half, optimize.OptimizationConfig(global_config=scheme, op_name_configs=kept))


def _depthwise_weights(model: Any) -> list[str]:
    """Names of the depthwise convolutions' weights: a hundredth of the bytes, most of the error when compressed."""
    convolutions = model._mil_program.functions["main"].find_ops(op_type="conv")
    return [op.inputs["weight"].op.name for op in convolutions if op.inputs["groups"].val > 1]


def save_package(model: Any, path: Path) -> None:
    """Writes an ``.mlpackage`` under a temporary name and renames it."""
    temporary = path.with_name(f".tmp_{path.name}")
    shutil.rmtree(temporary, ignore_errors=True)
    with quiet():
        model.save(str(temporary))
    shutil.rmtree(path, ignore_errors=True)
    temporary.rename(path)
