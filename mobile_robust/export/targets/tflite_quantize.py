"""Smaller TFLite files out of the float one: fp16 weights; static int8 (per-channel weights, calibrated activations).

Named after their schemes in ai-edge-quantizer. Inputs and outputs stay float32, so that the same app code takes them;
``tflite_uint8.py`` changes them where a recipe asks for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mobile_robust.errors import InputError
from mobile_robust.quiet import quiet

#: Inputs of one inference by name, as in the artifact.
Sample = dict[str, NDArray[Any]]


def weights_fp16(float_file: Path) -> bytes:
    """Weights stored as float16; activations stay float32 (a runtime may compute in half precision)."""
    from ai_edge_quantizer import qtyping, quantizer, recipe_manager
    from ai_edge_quantizer.algorithm_manager import AlgorithmName

    manager = recipe_manager.RecipeManager()
    manager.add_quantization_config(
        regex=".*",
        operation_name=qtyping.TFLOperationName.ALL_SUPPORTED,
        op_config=qtyping.OpQuantizationConfig(
            weight_tensor_config=qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT),
            compute_precision=qtyping.ComputePrecision.FLOAT,
            explicit_dequantize=True,
        ),
        algorithm_key=AlgorithmName.FLOAT_CASTING,
    )
    with quiet():
        result = quantizer.Quantizer(str(float_file), manager.get_quantization_recipe()).quantize()
    return bytes(result.quantized_model)


def static_wi8_ai8(
    float_file: Path,
    samples: Iterable[Sample],
    keep: Iterable[str] = (),
    known: Mapping[str, tuple[float, float]] | None = None,
) -> bytes:
    """Weights int8 per output channel, activations int8 per tensor with ranges read from ``samples``.

    Args:
        float_file: The float32 file.
        samples: Calibration inputs; one of them is in memory at a time.
        keep: Tensors whose operations stay as they are, by name.
        known: Tensors whose least and largest value are known, by name.

    Raises:
        InputError: There is no sample to calibrate with.
    """
    from ai_edge_quantizer import calibrator, qtyping, quantizer, recipe, recipe_manager
    from ai_edge_quantizer.algorithm_manager import AlgorithmName
    from ai_edge_quantizer.utils import qsv_utils

    manager = recipe_manager.RecipeManager()
    manager.load_quantization_recipe(recipe.static_wi8_ai8())
    for end in (qtyping.TFLOperationName.INPUT, qtyping.TFLOperationName.OUTPUT):
        manager.add_quantization_config(regex=".*", operation_name=end, algorithm_key=AlgorithmName.NO_QUANTIZE)
    for name in keep:
        manager.add_quantization_config(
            regex=re.escape(name),
            operation_name=qtyping.TFLOperationName.ALL_SUPPORTED,
            algorithm_key=AlgorithmName.NO_QUANTIZE,
        )
    # Least and largest value over all images: the quantizer's own default, a moving average, forgets the earlier ones
    # and then clips values like theirs.
    with quiet():
        ranges = calibrator.Calibrator(str(float_file), qsv_update_func=qsv_utils.min_max_update)
        for sample in samples:  # one at a time: of a data set the calibrator would make a list
            ranges.calibrate({"serving_default": [sample]}, model_recipe_manager=manager)
        if not ranges.get_model_qsvs():
            raise InputError("int8 needs at least one calibration image")
        for extremes in ranges.get_model_qsvs().values():
            if not np.any(extremes["min"]) and not np.any(extremes["max"]):  # behind dead units, say
                extremes["max"] = np.ones_like(extremes["max"])  # XNNPACK refuses steps of almost nothing
        for name, (low, high) in (known or {}).items():
            extremes = ranges.get_model_qsvs()[name]
            extremes["min"], extremes["max"] = np.full_like(extremes["min"], low), np.full_like(extremes["max"], high)
        tool = quantizer.Quantizer(str(float_file), manager.get_quantization_recipe())
        result = tool.quantize(ranges.get_model_qsvs())
    return bytes(result.quantized_model)
