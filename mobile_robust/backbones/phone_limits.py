"""What phones and int8 files do not take of a family of networks, where that is known: new recipes say it.

A family is a file of timm: its networks differ in width and depth, and have the same operations. Known means that
``conversion/backbones.py`` has converted one of them, in float32 too, and that the cause is in its operations; see
docs/backbones.md. A family that is not here may still have limits, which ``convert`` finds.
"""

from __future__ import annotations

from torch import nn

#: Their files fail the op table of Android's GPU delegate, or the GPU engine computes them wrong; why.
CPU_ONLY = {
    "edgenext": "the GPU delegate has no L2_NORMALIZATION",
    "fastvit": "the GPU delegate has no depthwise convolution with two outputs a channel",
    "levit": "the GPU engine 2.3 is wrong by 5 % of the range in float32, and cannot open the int8 file",
}
#: Operations that the quantizer leaves in float, by their TFLite names.
FLOAT_OPERATIONS = {
    "edgenext": ("L2_NORMALIZATION",),
    "efficientformer_v2": ("REDUCE_MAX", "EXP"),
}


def family(network: nn.Module) -> str:
    """Name of the file that defines a network, such as ``levit`` of ``timm.models.levit``."""
    return type(network).__module__.rpartition(".")[2]
