"""Colour matrix, shift and a 5x5 filter that are known only at run time, over a full camera frame, in plain operations.

XNNPACK wants static filters and the phone's GPU engine computes grouped convolutions with run-time filters wrong, so
the obvious graph is slow on one and unusable on the other. Here the colours are one matrix product, and rows are
filtered by a fast convolution (Winograd, "Arithmetic Complexity of Computations", 1980; Toom-Cook): four outputs from
eight inputs with eight products instead of twenty. Its transforms are static convolutions; the products are a vertical
depthwise convolution with run-time weights, which the GPU engine takes and computes right:

    add shift -> matrix product -> convolution 1x8, stride 4, to points -> depthwise 5x1 -> convolution 1x1 back, clamp

The eight points are spread evenly on the circle of directions (tangents of multiples of pi / 8), which keeps the
rounding of the transforms small: 5e-7 of the range in float32, 2e-3 in half precision, where the direct sum has 1e-3.

At 1080x1920 in TFLite (one thread, x86-64, 2026-11-29) it takes half as long as ResNet-50 at 224, and 0.61 with two
convolutions side by side in one position, whose transforms have 1.5 times and twice the multiply-accumulates. Five, six
or eight outputs take as long as four, and eight lose a digit (7e-6, and 3e-2 in half precision). As fractions of
ResNet-50 on another machine (2026-11-21), where two side by side took 0.66 to 0.69: matrix product last 0.70; four
channels and a 5x5 depthwise convolution 0.81; block Toeplitz matrices 1.1 to 2.1. What else was tried, and the time of
each operation: docs/latency.md.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: Taps of the filter in a row, and outputs of one fast convolution.
TAPS, OUTPUTS = 5, 4


class DynamicFilter(nn.Module):
    """(image (1, 3, H, W), parameters (1, 37)) -> repaired image, clamped to [0, top].

    repaired = (filter((image * gain + offset + shift) @ matrix) - offset) / gain

    The parameters: 9 of the matrix (row-major, row = input channel), 3 of the shift, 25 of the filter, which sees zeros
    outside of the frame.

    Args:
        size: Height and width of the frame.
        gain: With ``offset``, the affine map into the space the parameters work in, per channel.
        offset: See ``gain``.
        top: Largest valid value of the image; the least is 0.
    """

    to_points: Tensor
    back: Tensor
    rise: Tensor
    spread: Tensor
    zero: Tensor
    recolour: Tensor
    vertical: Tensor

    def __init__(self, size: tuple[int, int], gain: Tensor, offset: Tensor, top: float) -> None:
        super().__init__()
        self.height, self.width = size
        self.top = top
        self.tail = -self.width % OUTPUTS
        inputs, taps, outputs = fast_correlation()  # (8, points), (points, 5), (points, 4)
        self.channels = 3 * len(taps)
        rgb, pixels, rows = (torch.eye(n, dtype=torch.float64) for n in (3, OUTPUTS, TAPS))
        vertical = torch.einsum("rs,pj->prsj", rows, taps)[:, None].expand(-1, 3, -1, -1, -1)
        # The image stays in its own units: all of the matrix but its diagonal changes with the channels' gains.
        recolour = torch.einsum("uv,da,cb,dc->udvcab", pixels, rgb, rgb, gain[:, None] / gain)
        buffers = {
            "to_points": torch.einsum("wp,cd->pcdw", inputs, rgb).reshape(self.channels, 3, 1, -1),
            "back": torch.einsum("po,cd->odpc", outputs, rgb).reshape(3 * OUTPUTS, self.channels, 1, 1),
            "rise": (-offset / gain).repeat(OUTPUTS),
            "zero": (offset / gain).repeat(self.width),
            # All 37 numbers go into each of these, with zeros for those it does not read: slicing a vector is no
            # operation of the GPU delegate.
            "recolour": F.pad(recolour.reshape(-1, 9), (0, 3 + TAPS * TAPS)),
            "spread": F.pad((rgb / gain).repeat(self.width, 1), (9, TAPS * TAPS)),
            "vertical": F.pad(vertical.reshape(-1, TAPS * TAPS), (9 + 3, 0)),
        }
        for name, value in buffers.items():
            self.register_buffer(name, value.float().contiguous(), persistent=False)

    def forward(self, image: Tensor, parameters: Tensor) -> Tensor:
        shift = F.linear(parameters, self.spread, self.zero)
        x = image + shift.reshape(1, 1, self.width, 3).permute(0, 3, 1, 2)  # a whole row: the fast way to broadcast
        if self.tail:
            x = F.pad(x, (0, self.tail))
        matrix = F.linear(parameters, self.recolour).reshape(3 * OUTPUTS, 3 * OUTPUTS)
        x = x.permute(0, 2, 3, 1).reshape(-1, 3 * OUTPUTS) @ matrix  # (H W / 4, 12)
        x = x.reshape(1, self.height, self.width + self.tail, 3).permute(0, 3, 1, 2)
        x = F.conv2d(x, self.to_points, stride=(1, OUTPUTS), padding=(0, TAPS // 2))  # (1, 24, H, W / 4)
        kernel = F.linear(parameters, self.vertical).reshape(self.channels, 1, TAPS, 1)
        x = F.conv2d(x, kernel, padding=(TAPS // 2, 0), groups=self.channels)
        x = F.conv2d(x, self.back, self.rise).relu().clamp(max=self.top)  # (1, 12, H, W / 4)
        x = x.permute(0, 2, 3, 1).reshape(1, self.height, self.width + self.tail, 3).permute(0, 3, 1, 2)
        return x[..., : self.width] if self.tail else x


def fast_correlation() -> tuple[Tensor, Tensor, Tensor]:
    """Four outputs of a five-tap correlation from eight inputs with eight products: the float64 transforms of the
    inputs (8, points), of the taps (points, 5) and of the outputs (points, 4).

    output[o] = sum over p of outputs[p, o] * (taps @ filter)[p] * (inputs.T @ window)[p]
    """
    count = OUTPUTS + TAPS - 1
    angles = torch.arange(count, dtype=torch.float64) * (math.pi / count)
    sine, cosine = angles.sin()[:, None], angles.cos()[:, None]

    def values(size: int) -> Tensor:
        """Every monomial of polynomials of ``size`` coefficients, homogeneous, at every point: (points, size)."""
        power = torch.arange(size)
        return sine**power * cosine ** (size - 1 - power)

    outputs, taps, product = values(OUTPUTS), values(TAPS), values(count)
    sizes = [x.abs().amax(1, keepdim=True) for x in (outputs, taps)]
    # product . (f * g) = (outputs . f)(taps . g): transposed, the polynomial product becomes the correlation.
    inputs = torch.linalg.inv(product) * (sizes[0] * sizes[1]).T
    return inputs, taps / sizes[1], outputs / sizes[0]
