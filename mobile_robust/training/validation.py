"""Whether a training helps: what the module recovers of the loss on photos that it does not learn from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mobile_robust.corruptions import corrupt
from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.data.images import Photo, Size
from mobile_robust.methods.task import Task
from mobile_robust.reporting.intervals import Interval, recovered, resampled_means
from mobile_robust.reporting.text import plus_minus
from mobile_robust.training.samples import Degradation

#: Degradations of every photo; of more kinds and levels each photo gets its share.
DEGRADATIONS = 5
#: Photos that go through the network together.
_TOGETHER = 8

Right = NDArray[np.float64]
Answers = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Accuracy:
    """After a step: top-1 on clean and on degraded photos, and the part of the loss that the module recovers with its
    95 % interval; None where the degradations take next to nothing."""

    step: int
    clean: float
    degraded: float
    recovered: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def helps(self) -> bool:
        return (self.low or 0.0) > 0

    @property
    def text(self) -> str:
        if self.recovered is None:
            return "nothing to recover"
        interval = plus_minus(Interval(self.recovered, self.low, self.high), 0, 100)
        return f"recovers {100 * self.recovered:.0f}{interval} % of the loss"


class Validation:
    """Photos, clean and degraded, and what the baseline makes of them. The best weights so far are kept.

    Args:
        photos: All of them can be decoded. Without labels, the baseline's prediction for the clean photo is right.
        size: Of the centre crops, as in evaluation.
        degradations: What the training degrades crops with.
        seed: Of the degradations.
        task: Its pipeline's baseline is what the module is compared with.
    """

    def __init__(
        self, photos: PhotoDataset, size: Size, degradations: Sequence[Degradation], seed: int, task: Task[Any, Any]
    ) -> None:
        self.clean = list(photos.crops(size))
        each, order = (
            min(DEGRADATIONS, len(degradations)),
            np.random.default_rng((seed, 2)).permutation(len(degradations)),
        )
        self.degraded: list[list[Photo]] = []  # by round, so that a photo has one of each
        for turn in range(each):
            drawn = [degradations[order[(i * each + turn) % len(order)]] for i in range(len(self.clean))]
            pairs = enumerate(zip(self.clean, drawn, strict=True))
            self.degraded.append([corrupt(crop, name, level, seed, i) for i, (crop, (name, level)) in pairs])
        self.task, self.labelled = task, photos.labels is not None
        with torch.no_grad():
            clean = self._predictions(task.pipeline.baseline, self.clean)
            self.right = clean if photos.labels is None else np.array(photos.labels)
            self.baseline = (clean == self.right).astype(float), self._right(task.pipeline.baseline, self.degraded)
        self.history: list[Accuracy] = []
        self._best: dict[str, Any] = {}

    def __len__(self) -> int:
        return len(self.clean)

    def check(self, step: int) -> Accuracy:
        """Measures the task's module as it is; its weights are kept if it is the best so far."""
        training = self.task.module.training
        self.task.module.eval()
        with torch.no_grad(), self.task.student() as student:
            right = self._measure(student.on_photos, student.needs_clean)
        self.task.module.train(training)
        now = self._accuracy(step, right)
        self.history.append(now)
        if not self._best or _score(now) >= _score(self.best):
            state = {name: tensor.detach().cpu().clone() for name, tensor in self.task.checkpoint_state().items()}
            self._best = {"number": len(self.history) - 1, "state": state}
        return now

    @property
    def best(self) -> Accuracy:
        """The best so far; there must have been a check."""
        return self.history[self._best["number"]]

    @property
    def best_state(self) -> dict[str, Tensor]:
        """For ``load_checkpoint_state`` of the task."""
        state: dict[str, Tensor] = self._best["state"]
        return state

    @property
    def without(self) -> Accuracy:
        """The baseline's."""
        return Accuracy(0, *(float(right.mean()) for right in self.baseline))

    def text(self) -> str:
        """The end of a training in one line."""
        best, without = self.best, self.without
        what = "accuracy" if self.labelled else "agreement with the clean prediction"
        figures = (
            f"{what} on degraded photos {100 * without.degraded:.1f} % without, {100 * best.degraded:.1f} % with; on "
            f"clean ones {100 * without.clean:.1f} and {100 * best.clean:.1f} %"
        )
        chosen = f"weights after step {best.step}, the best of {len(self.history)} measured"
        return f"{best.text} on {len(self)} validation photos ({figures}; {chosen})"

    def checkpoint_state(self) -> dict[str, Any]:
        """All that a stopped training needs of it."""
        return {"history": [asdict(each) for each in self.history], "best": self._best}

    def load_checkpoint_state(self, state: Mapping[str, Any]) -> None:
        self.history, self._best = [Accuracy(**each) for each in state["history"]], state["best"]

    def _measure(self, answers: Answers, needs_clean: bool) -> tuple[Right, Right]:
        """Whether each photo's class is found: clean (photos,), and how often degraded, (photos,) in [0, 1]."""
        clean, *degraded = [self.clean, *self.degraded]
        if needs_clean:
            clean, *degraded = (
                [np.dstack(pair) for pair in zip(each, self.clean, strict=True)] for each in (clean, *degraded)
            )
        return self._right(answers, [clean]), self._right(answers, degraded)

    def _right(self, answers: Answers, rounds: Sequence[Sequence[Photo]]) -> Right:
        found: list[NDArray[np.bool_]] = [self._predictions(answers, each) == self.right for each in rounds]
        return np.stack(found).mean(0)

    def _predictions(self, answers: Answers, photos: Sequence[Photo]) -> NDArray[np.int64]:
        device = next(self.task.pipeline.parameters()).device
        found = []
        for first in range(0, len(photos), _TOGETHER):
            batch = torch.from_numpy(np.stack(photos[first : first + _TOGETHER])).to(device)  # (B, H, W, 3)
            found.append(answers(self.task.images(batch)).argmax(1).cpu().numpy())
        return np.concatenate(found)

    def _accuracy(self, step: int, right: tuple[Right, Right]) -> Accuracy:
        gain, loss = right[1] - self.baseline[1], self.baseline[0] - self.baseline[1]
        clean, degraded = (float(each.mean()) for each in right)
        samples = resampled_means(np.stack([gain, loss]))
        found = recovered(gain.mean(keepdims=True), loss.mean(keepdims=True), samples[:, :1], samples[:, 1:])
        return Accuracy(step, clean, degraded, *((found.value, found.low, found.high) if found else ()))


def verdict(validation: Validation | None, steps: int, photos: int) -> str:
    """The end of a training of so many steps on so many photos in one line."""
    if validation is None:
        return "what it brings was not measured: no photos were kept out for it (--validation)"
    if validation.best.helps:
        return validation.text()
    more = f"more --steps than {steps}, more photos than {photos}, another --rate, or another layer of the backbone"
    return f"no gain, not worth shipping: {validation.text()}; try {more}"


def _score(accuracy: Accuracy) -> float:
    """Clean photos count as one degradation more."""
    return accuracy.degraded + accuracy.clean / DEGRADATIONS
