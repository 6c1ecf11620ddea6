"""How much of the lost accuracy each artifact recovers, from what ``mobile_robust.evaluate`` wrote."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field

from mobile_robust.documents import read_model
from mobile_robust.errors import InputError
from mobile_robust.reporting.intervals import Interval

#: Of the mean over all corruptions; see ``evaluation.scores.ALL``, which would import PyTorch.
_ALL = "all"


#: A fraction of a loss that is a hundredth of the accuracy at least (``reporting.intervals.LEAST_LOSS``).
Regained = Annotated[float, Field(ge=-1000, le=1000)]


@dataclass(frozen=True)
class Recovered:
    """Loss recovered by an artifact, as a fraction of the loss, mean over ``corruptions``."""

    fraction: Interval
    corruptions: tuple[str, ...]


class _Scored(BaseModel):
    """What tells models, and their scores, apart."""

    group: str
    model: str
    runtime: str

    @property
    def key(self) -> tuple[str, str, str]:
        return self.group, self.model, self.runtime


class _Model(_Scored):
    sha256: str | None


class _Score(_Scored):
    corruption: str
    regained: Regained | None
    regained_low: Regained | None
    regained_high: Regained | None


class _Document(BaseModel):
    models: tuple[_Model, ...]
    scores: tuple[_Score, ...]


def read_scores(path: Path) -> dict[str, Recovered]:
    """SHA-256 of an artifact -> how much of the loss it recovers.

    Raises:
        InputError: The file cannot be read or is no scores.json.
    """
    try:
        document = read_model(path, _Document, "a scores.json of evaluate")
    except InputError as error:
        raise InputError(f"--scores {error}") from None
    hashes = {model.key: model.sha256 for model in document.models}
    corruptions = dict.fromkeys(score.corruption for score in document.scores)
    single = tuple(name for name in corruptions if name not in ("clean", _ALL))
    found: dict[str, Recovered] = {}
    for score in document.scores:
        artifact = hashes.get(score.key)
        if score.corruption == _ALL and score.regained is not None and artifact is not None:
            interval = Interval(score.regained, score.regained_low, score.regained_high)
            found[artifact] = Recovered(interval, single)
    return found
