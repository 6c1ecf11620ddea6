"""PyTorch deploy form -> Core ML mlprogram (iOS 16 and later): fp32, fp16, and weights in 8 bits or a 6-bit palette."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mobile_robust.contracts.recipe import CoremlForm
from mobile_robust.convert.rounding import least_compressed
from mobile_robust.coreml_import import import_coremltools
from mobile_robust.errors import InputError, first_line
from mobile_robust.quiet import quiet


def convert_coreml(
    network: nn.Module, inputs: dict[str, Tensor], output: str, image_range: int, precision: CoremlForm
) -> Any:
    """The ``coremltools.models.MLModel`` of one precision; the compressed ones compute in fp16.

    Args:
        network: Deploy form in eval mode, NCHW, its weights already rounded for the precision (``weight_rounding``).
        inputs: One example per input by name, batch 1, in the order of the network's arguments.
        output: Name of the output.
        image_range: 255 makes ``image`` a Core ML image input (a pixel buffer, RGB); 1 leaves it an array in [0, 1].
        precision: Of computation and weights.

    Raises:
        InputError: The converter cannot take the network.
    """
    ct = import_coremltools()
    borders = [
        ct.ImageType(name=name, shape=tuple(x.shape), color_layout=ct.colorlayout.RGB)
        if name == "image" and image_range == 255
        else ct.TensorType(name=name, shape=tuple(x.shape))
        for name, x in inputs.items()
    ]
    try:
        with quiet(), torch.no_grad():
            model = ct.convert(
                torch.export.export(network, tuple(inputs.values())).run_decompositions(_DECOMPOSITIONS),
                inputs=borders,
                outputs=[ct.TensorType(name=output)],
                convert_to="mlprogram",
                compute_precision=ct.precision.FLOAT32 if precision == "fp32" else ct.precision.FLOAT16,
                minimum_deployment_target=ct.target.iOS16,
                skip_model_load=True,
            )
            if precision in ("int8w", "pal6"):
                model = _compress(model, precision, least_compressed(network))
            return model
    except Exception as error:  # whatever a converter raises on a network it cannot take
        raise InputError(f"coremltools cannot convert this network to Core ML: {first_line(error)}") from error


def _cut(x: Tensor, padding: Sequence[int], *_: Any) -> Any:
    """Padding by less than nothing, which coremltools does not know, as slices."""
    if any(each > 0 for each in padding):
        return NotImplemented
    for axis, (before, behind) in enumerate(zip(padding[::2], padding[1::2], strict=True), start=1):
        if before or behind:
            x = x.narrow(-axis, -before, x.shape[-axis] + before + behind)
    return x


_DECOMPOSITIONS: dict[Any, Callable[..., Any]] = {torch.ops.aten.pad.default: _cut}


def _compress(model: Any, precision: CoremlForm, least: float) -> Any:
    """Stores the weights that lie on a coarse grid in fewer bits; loses nothing, the rounding was done before."""
    import coremltools.optimize.coreml as optimize

    if precision == "int8w":
        scheme = optimize.OpLinearQuantizerConfig(mode="linear_symmetric", weight_threshold=int(least))
        compress = optimize.linear_quantize_weights
    else:
        scheme = optimize.OpPalettizerConfig(mode="unique", weight_threshold=int(least))
        compress = optimize.palettize_weights
    chosen = dict.fromkeys(_coarse_weights(model, least), scheme)
    return compress(model, optimize.OptimizationConfig(global_config=None, op_name_configs=chosen))


def _coarse_weights(model: Any, least: float) -> list[str]:
    """Names of the weights that ``weight_rounding.is_compressed`` is true of.

    PyTorch names a parameter ``p_…`` and a buffer ``b_…``: constants of a method's algebra are buffers, and stay.
    """
    main = model._mil_program.functions["main"]
    layers = [op for op in main.find_ops(op_type="conv") if op.inputs["groups"].val == 1]
    weights = [op.inputs["weight"] for op in [*layers, *main.find_ops(op_type="linear")]]
    large = [w.op.name for w in weights if w.val is not None and w.val.size > least]
    return [name for name in large if name.startswith("p_")]


def save_package(model: Any, path: Path) -> None:
    """Writes an ``.mlpackage`` under a temporary name and renames it."""
    temporary = path.with_name(f".tmp_{path.name}")
    shutil.rmtree(temporary, ignore_errors=True)
    with quiet():
        model.save(str(temporary))
    shutil.rmtree(path, ignore_errors=True)
    temporary.rename(path)
