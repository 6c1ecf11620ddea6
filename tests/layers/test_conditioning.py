"""Conditioning network and the batch norm before it: statistics of the first batches, both forms equal."""

from __future__ import annotations

import torch

from mobile_robust.layers.conditioning import Conditioning
from mobile_robust.layers.first_batches_norm import CALIBRATION_STEPS, FirstBatchesNorm


@torch.no_grad()
def test_a_norm_keeps_the_mean_of_its_first_batches() -> None:
    norm, batches = FirstBatchesNorm(3), torch.rand(CALIBRATION_STEPS + 4, 8, 3, 1, 1)
    for batch in batches:
        norm.train()(batch)
    assert not norm.training and not [*norm.parameters()]
    torch.testing.assert_close(norm.running_mean, batches[:CALIBRATION_STEPS].mean((0, 1, 3, 4)))
    norm.reset_running_stats()
    assert norm.train().training and not norm.eval().training


@torch.no_grad()
def test_both_forms_are_equal() -> None:
    condition = Conditioning(5, 7, 3)
    condition(torch.rand(16, 5, 1, 1))
    statistics = torch.rand(2, 5, 1, 1)
    expected = condition.eval()(statistics)
    assert expected.shape == (2, 3, 1, 1)
    torch.testing.assert_close(condition.fuse()(statistics), expected)
