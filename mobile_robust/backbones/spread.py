"""How far the channels of a network's layers vary: the unit in which a shift of them is learned, since backbones differ
a hundredfold.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

#: Least spread of a channel beside that of its layer's widest: a dead channel has none.
LEAST_SPREAD = 1e-3


def channel_spreads(outputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Layer -> output (B, C, H, W) for some photos; layer -> standard deviation of its channels, (C,)."""
    spreads = {layer: output.std((0, 2, 3)) for layer, output in outputs.items()}
    return {layer: spread.clamp_min(LEAST_SPREAD * float(spread.max())) for layer, spread in spreads.items()}
