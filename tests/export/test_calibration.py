"""Inputs are computed once as long as they fit in memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mobile_robust.data.images import Photo
from mobile_robust.export import calibration as module
from mobile_robust.export.calibration import Calibration, Inputs

PHOTOS = [np.full((4, 4, 3), value, np.uint8) for value in range(3)]


@pytest.mark.parametrize(("limit", "computed"), [(3 * 4 * 48, 3), (3 * 4 * 48 - 1, 1 + 2 * 3)])
def test_every_pass_gives_all_inputs_in_order(monkeypatch: pytest.MonkeyPatch, limit: int, computed: int) -> None:
    monkeypatch.setattr(module, "KEPT_BYTES", limit)
    calls = []

    def example(photo: Photo) -> Inputs:
        calls.append(int(photo[0, 0, 0]))
        return {"image": torch.from_numpy(photo).float()}

    calibration = Calibration(example, PHOTOS)
    for _ in range(2):
        assert [inputs["image"].unique().item() for inputs in calibration] == [0, 1, 2]
    assert len(calls) == computed and len(calibration) == 3
