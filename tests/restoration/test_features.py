"""The distance of features: of random networks here, whose distances grow with the degradation as well."""

from __future__ import annotations

import pytest
import torch

from mobile_robust.corruptions import corrupt
from mobile_robust.data.images import built_in_photos
from mobile_robust.errors import InputError
from mobile_robust.restoration.features import FeatureDistance
from tests.recipes import RESNET, write_recipe

(PHOTO,) = built_in_photos((64, 64), 1)


@pytest.fixture(scope="module")
def distance(tmp_path_factory: pytest.TempPathFactory) -> FeatureDistance:
    recipe = write_recipe(tmp_path_factory.mktemp("features"), scope="pipeline", backbone=RESNET)
    return FeatureDistance(str(recipe), (64, 64))


def test_it_grows_with_the_degradation(distance: FeatureDistance) -> None:
    clean = distance.directions(PHOTO)
    noisy = [distance.directions(corrupt(PHOTO, "awgn", sigma, 0, 0)) for sigma in (10, 40, 100)]
    near, middle, far = (distance.between(each, clean) for each in noisy)
    assert 0 == distance.between(clean, clean) < near < middle < far
    assert distance.between(clean, noisy[0]) == pytest.approx(near)


def test_every_resolution_counts_whatever_its_size(distance: FeatureDistance) -> None:
    directions = distance.directions(PHOTO)
    sides = [x.shape[-1] for x in directions]
    assert len(sides) > 2 and sides == sorted(set(sides), reverse=True)
    assert all((x.norm(dim=1) < 1 + 1e-5).all() for x in directions)
    opposite = [-x for x in directions]
    lengths = [float(x.square().sum(1).mean()) for x in directions]
    assert distance.between(directions, opposite) == pytest.approx(4 * sum(lengths))
    changed = [directions[0], *(torch.zeros_like(x) for x in directions[1:])]
    assert distance.between(directions, changed) == pytest.approx(sum(lengths[1:]))


def test_random_weights_are_said_and_a_backbone_is_needed(distance: FeatureDistance) -> None:
    assert (distance.name, distance.label) == ("test_resnet", "random weights")
    with pytest.raises(InputError, match="--features dir_224: the recipe has no backbone"):
        FeatureDistance("dir_224", (64, 64))
    with pytest.raises(InputError, match="unknown recipe 'no_such'"):
        FeatureDistance("no_such", (64, 64))
