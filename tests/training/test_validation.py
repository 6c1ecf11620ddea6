"""What a module brings, measured on photos that it does not learn from."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.training.run import _best
from mobile_robust.training.validation import Validation, verdict

SIZE = (32, 32)
NOISE = [("awgn", 60.0), ("awgn", 90.0)]


class Network(nn.Module):
    """Tells even photos, class 0, from noisy ones, class 1: noise costs it all of its accuracy."""

    def forward(self, image: Tensor) -> Tensor:
        return torch.stack([torch.full((len(image),), 30.0), image.std((1, 2, 3))], 1)


class _Stub:
    """The part of a task that a validation sees; ``answer`` is the class that its student gives to everything."""

    def __init__(self, answer: int | None = None) -> None:
        self.network, self.module = Network(), nn.Linear(1, 1)
        self.pipeline = SimpleNamespace(baseline=self.network, parameters=self.module.parameters)
        self.answer = answer

    def student(self) -> Any:
        def constant(image: Tensor) -> Tensor:
            return torch.eye(2)[[self.answer] * len(image)]

        answer = self.network if self.answer is None else constant
        return nullcontext(SimpleNamespace(on_photos=answer, needs_clean=False))

    def images(self, photos: Tensor) -> Tensor:
        return photos.permute(0, 3, 1, 2).float()

    def checkpoint_state(self) -> dict[str, Tensor]:
        return {"answer": torch.tensor(-1 if self.answer is None else self.answer)}

    def load_checkpoint_state(self, state: dict[str, Tensor]) -> None:
        self.answer = int(state["answer"])

    result = checkpoint_state


Stub: Any = _Stub  # it has all that is needed of a task, and is none


@pytest.fixture
def grey(tmp_path: Path) -> PhotoDataset:
    """20 photos, each of one grey."""
    for i in range(20):
        Image.new("RGB", SIZE, (100 + i,) * 3).save(tmp_path / f"{i:02}.png")
    return PhotoDataset.from_folder(tmp_path)


Measure = Callable[[Any], Validation]


@pytest.fixture
def measured(grey: PhotoDataset) -> Measure:
    return lambda stub: Validation(grey, SIZE, NOISE, 0, stub)


def test_what_is_recovered_is_a_part_of_what_the_baseline_loses(measured: Measure) -> None:
    stub = Stub()
    validation = measured(stub)
    assert (validation.without.clean, validation.without.degraded) == (1.0, 0.0)
    nothing = validation.check(1)
    assert (nothing.clean, nothing.degraded, nothing.recovered, nothing.helps) == (1.0, 0.0, 0.0, False)
    stub.answer = 0
    everything = validation.check(2)
    assert (everything.clean, everything.degraded, everything.recovered, everything.low) == (1.0, 1.0, 1.0, 1.0)
    assert validation.best is everything and everything.helps
    assert verdict(validation, 2, 80) == (
        "recovers 100 ± 0 % of the loss on 20 validation photos (agreement with the clean prediction on degraded "
        "photos 0.0 % without, 100.0 % with; on clean ones 100.0 and 100.0 %; weights after step 2, the best of 2 "
        "measured)"
    )


def test_no_gain_is_said(measured: Measure) -> None:
    stub = Stub(1)
    validation = measured(stub)
    assert validation.check(8).clean == 0.0
    said = verdict(validation, 8, 80)
    assert said.startswith("no gain, not worth shipping: recovers 0 ± 0 %")
    assert "more --steps than 8, more photos than 80" in said
    assert "not measured" in verdict(None, 8, 80)


def test_degradations_that_cost_nothing_leave_nothing_to_recover(grey: PhotoDataset) -> None:
    validation = Validation(grey, SIZE, [("awgn", 0.1)], 0, Stub())
    assert validation.check(1).recovered is None and "nothing to recover" in verdict(validation, 1, 80)


def test_the_best_weights_are_kept_through_a_stop(measured: Measure) -> None:
    stub = Stub(0)
    before = measured(stub)
    before.check(1)
    stub.answer = 1
    before.check(2)
    after = measured(stub)
    after.load_checkpoint_state(before.checkpoint_state())
    assert after.history == before.history and after.best.step == 1
    assert _best(stub, after, 3) == {"answer": torch.tensor(0)}
    assert [each.step for each in after.history] == [1, 2, 3]


def test_photos_are_set_aside_by_content(grey: PhotoDataset, tmp_path: Path) -> None:
    learned, kept = grey.set_aside(100, 0)
    assert kept is not None and (len(learned), len(kept)) == (16, 4)
    assert {*learned.paths, *kept.paths} == {*grey.paths}
    other = grey.set_aside(100, 1)[1]
    assert other is not None and kept.paths != other.paths
    names = {path.name for path in kept.paths}
    (tmp_path / next(iter(names))).rename(tmp_path / "a copy.png")
    again = PhotoDataset.from_folder(tmp_path).set_aside(4, 0)[1]
    assert again is not None and len({path.name for path in again.paths} & names) == 3
    assert grey.subset(range(4)).set_aside(100, 0)[1] is None and grey.set_aside(0, 0)[1] is None


def test_every_photo_has_its_share_of_many_degradations(grey: PhotoDataset) -> None:
    many = [("awgn", float(level)) for level in range(1, 13)]
    validation = Validation(grey, SIZE, many, 0, Stub())
    assert len(validation.degraded) == 5 and {len(each) for each in validation.degraded} == {20}
    strengths = np.array([[photo.std() for photo in each] for each in validation.degraded])
    assert all(len({round(value, 1) for value in column}) == 5 for column in strengths.T)
