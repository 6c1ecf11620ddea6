"""Every input counts once, with covariances and without."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from mobile_robust.export.input_statistics import COVARIANCE_IMAGES, collect
from tests.export.networks import images, kinds


@settings(max_examples=12, deadline=None)
@given(st.integers(1, COVARIANCE_IMAGES + 2), st.booleans())
@torch.no_grad()
def test_an_input_counts_as_often_as_the_layer_got_it(count: int, covariance: bool) -> None:
    samples, network = images(count), kinds()
    found = collect(network, [(image,) for image in samples], covariance)
    assert {name: each.count for name, each in found.items()} == {name: count for name in found} | {"twice": 2 * count}
    torch.testing.assert_close(found["same"].mean, torch.stack(samples).mean(0))
    between = torch.stack([F.relu6(network.same(image)) for image in samples]).mean(0)
    torch.testing.assert_close(found["depthwise"].mean, between)


@pytest.mark.parametrize("count", [1, 3, COVARIANCE_IMAGES + 2])
@torch.no_grad()
def test_the_covariance_is_that_of_the_patches_of_every_image(count: int) -> None:
    samples = images(count)
    found = collect(kinds(), [(image,) for image in samples], covariance=True)["same"].covariance
    patches = [F.unfold(image, 3, padding=1) for image in samples[:COVARIANCE_IMAGES]]  # (1, K, positions)
    expected = sum(torch.cov(each[0], correction=0) for each in patches)
    assert found is not None
    torch.testing.assert_close(found[0], expected)
