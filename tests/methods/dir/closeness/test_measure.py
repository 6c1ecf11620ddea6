"""The figures, on a module whose representations are known."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mobile_robust.data.image_spec import ImageSpec
from mobile_robust.data.images import Photo, built_in_photos
from mobile_robust.errors import InputError
from mobile_robust.methods.dir.closeness.measure import LEAST_PHOTOS, measure
from mobile_robust.methods.dir.network import DiR

IMAGE = ImageSpec((32, 32))
NOISE = [("awgn", 10.0), ("awgn", 60.0), ("gaussian_blur", 2.0)]


def photos(count: int = 12) -> Iterator[tuple[int, Photo]]:
    return enumerate(built_in_photos((32, 32), count, lambda photo, index: photo))


class Means(nn.Module):
    """Encoder: the photo's mean colours, which noise and blur hardly change, scaled."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, centred: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = self.scale * centred.mean((2, 3), keepdim=True).expand(-1, -1, 4, 4)
        return x, centred, x


def module(alignment: str = "pilot") -> DiR:
    torch.manual_seed(0)
    return DiR(255.0, "dir_nano", alignment).eval()


def test_what_does_not_depend_on_the_degradation_is_close() -> None:
    net = module("none")
    net.representation.dirnet, net.representation.dfrnet = Means(1.0), Means(1.0)
    found, most = measure(net, photos(), IMAGE, NOISE, 0)
    assert set(found) == {"photo", "baseline", "pilot"} and 0.5 < most < 0.9
    assert found["baseline"] == found["pilot"]  # both encoders are the same here
    assert found["baseline"].same.value < 0.2 < found["photo"].same.value
    assert found["baseline"].off.value < 0.2 < found["photo"].off.value
    assert found["photo"].probe and found["baseline"].probe
    assert (found["photo"].same.low or 0) < found["photo"].same.value < (found["photo"].same.high or 0)


def test_figures_do_not_depend_on_the_scale_of_a_representation() -> None:
    net = module("none")
    net.representation.dfrnet = Means(1.0)
    net.representation.dirnet = Means(1.0)
    small, _ = measure(net, photos(), IMAGE, NOISE, 0)
    net.representation.dirnet = net.representation.dfrnet = Means(8.0)
    large, _ = measure(net, photos(), IMAGE, NOISE, 0)
    assert large["baseline"].same.value == pytest.approx(small["baseline"].same.value, rel=1e-4)
    assert large["pilot"].off.value == pytest.approx(small["pilot"].off.value, rel=1e-4)


def test_an_alignment_at_the_start_is_as_far_off_as_the_pilot() -> None:
    net = module()
    net.start_at_identity()
    found, _ = measure(net, photos(), IMAGE, NOISE, 0)
    assert found["refined"] == found["pilot"] != found["baseline"]
    assert 0 < found["pilot"].off.value < 2 and np.isfinite(found["baseline"].off.value)


def test_the_draws_are_those_of_the_seed_and_a_single_kind_has_no_probe() -> None:
    net = module("none")
    first, again, other = (measure(net, photos(), IMAGE, NOISE, seed)[0] for seed in (0, 0, 1))
    assert first == again != other
    found, most = measure(net, photos(), IMAGE, [("awgn", 40.0)], 0)
    assert found["baseline"].probe is None and most == 1
    assert found["baseline"].same.value > 0  # the two copies have noise of their own


def test_a_few_photos_are_refused() -> None:
    with pytest.raises(InputError, match=f"{LEAST_PHOTOS - 1} photos are too few; give {LEAST_PHOTOS} or more"):
        measure(module(), photos(LEAST_PHOTOS - 1), IMAGE, NOISE, 0)
