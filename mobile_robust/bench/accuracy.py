"""How much of the lost accuracy each artifact recovers, from what ``mobile_robust.evaluate`` wrote."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from mobile_robust.errors import InputError
from mobile_robust.reporting.intervals import Interval

#: Of the mean over all corruptions; see ``evaluation.scores.ALL``, which would import PyTorch.
_ALL = "all"


@dataclass(frozen=True)
class Recovered:
    """Loss recovered by an artifact, as a fraction of the loss, mean over ``corruptions``."""

    fraction: Interval
    corruptions: tuple[str, ...]


def read_scores(path: Path) -> dict[str, Recovered]:
    """SHA-256 of an artifact -> how much of the loss it recovers.

    Raises:
        InputError: The file cannot be read or is no scores.json.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        hashes = {(model["group"], model["model"], model["runtime"]): model["sha256"] for model in document["models"]}
        corruptions = dict.fromkeys(score["corruption"] for score in document["scores"])
        single = tuple(name for name in corruptions if name not in ("clean", _ALL))
        found: dict[str, Recovered] = {}
        for score in document["scores"]:
            artifact = hashes[score["group"], score["model"], score["runtime"]]
            if score["corruption"] == _ALL and score["regained"] is not None and artifact is not None:
                ends = score["regained_low"], score["regained_high"]
                found[artifact] = Recovered(Interval(float(score["regained"]), *ends), single)
        return found
    except OSError as error:
        raise InputError(f"--scores {path}: cannot be read: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"--scores {path}: not a scores.json of evaluate: {type(error).__name__}: {error}") from None
