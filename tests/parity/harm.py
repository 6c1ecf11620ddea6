"""What is wrong in a file that has been tampered with."""

from __future__ import annotations

import numpy as np

from mobile_robust.tflite import file as tflite_file


def layer_operations(path):
    names = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
    return [op for op in tflite_file.read(path).operations if op.name in names]


def reverse_weights(path, position):
    """A change of a file: the weights of one layer in reversed order."""
    file = tflite_file.read(path)
    weights = layer_operations(path)[position].inputs[1]
    if weights.index in file.producers:  # fp16: before the DEQUANTIZE
        weights = file.producers[weights.index].inputs[0]

    def change(model):
        buffer = model.buffers[model.subgraphs[0].tensors[weights.index].buffer]
        buffer.data = buffer.data.view(weights.dtype)[::-1].copy().view(np.uint8)

    return change
