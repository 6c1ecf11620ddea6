"""What TFLite's converter makes of the paper's form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mobile_robust.export.targets.tflite import channels_last, convert_tflite
from mobile_robust.methods.fidelity.fidelity_map import FidelityMap
from mobile_robust.methods.fidelity.restore import PaperRestorer
from mobile_robust.runtimes.litert_cpu import LitertCpu


class Estimated(nn.Module):
    """image (B, 3, H, W) -> fidelity (B, 1, H, W)."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.restorer = PaperRestorer(1.0, 3, batch_norm=False, estimates=True, from_restored=False)
        self.map = FidelityMap(kind, 1, measured=False)

    def forward(self, image: Tensor) -> Tensor:
        return self.map(self.restorer(image)[1])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["l1", "l2"])
@torch.no_grad()
def test_the_map_keeps_its_sign(kind: str, tmp_path: Path) -> None:
    """The converter folds ``1 - x`` into the convolution before it as ``x - 1``."""
    torch.manual_seed(0)
    network, image = Estimated(kind).eval(), torch.rand(1, 3, 16, 16)
    convert_tflite(network, {"image": image}, "fidelity", tmp_path / "map.tflite")
    with LitertCpu().open(tmp_path / "map.tflite") as session:
        found = session.predict({"image": channels_last(image).numpy()})["fidelity"]
    expected = channels_last(network(image)).numpy()
    assert expected.std() > 0.1
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
