"""How much of the lost accuracy each artifact recovers, from what ``mobile_robust.evaluate`` wrote."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mobile_robust.errors import InputError
from mobile_robust.reporting.intervals import Interval

#: Of the mean over all corruptions; see ``evaluate.scores.ALL``, which would import PyTorch.
_ALL = "all"


@dataclass(frozen=True)
class Recovered:
    """Loss recovered by an artifact, as a fraction of the loss, mean over ``corruptions``."""

    fraction: Interval
    corruptions: tuple[str, ...]


def read_scores(paths: Sequence[Path]) -> dict[str, Recovered]:
    """SHA-256 of an artifact -> how much of the loss it recovers.

    Raises:
        InputError: A file cannot be read or is no scores.json.
    """
    found: dict[str, Recovered] = {}
    for path in paths:
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            scores, hashes = document["scores"], {_key(model): model["sha256"] for model in document["models"]}
            corruptions = tuple(
                dict.fromkeys(s["corruption"] for s in scores if s["corruption"] not in ("clean", _ALL))
            )
            for score in scores:
                artifact = hashes[_key(score)]
                if score["corruption"] == _ALL and score["regained"] is not None and artifact is not None:
                    ends = score["regained_low"], score["regained_high"]
                    found[artifact] = Recovered(Interval(float(score["regained"]), *ends), corruptions)
        except OSError as error:
            raise InputError(f"--scores {path}: cannot be read: {error.strerror or error}") from None
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"--scores {path}: not a scores.json of evaluate: {type(error).__name__}: {error}"
            ) from None
    return found


def _key(entry: dict[str, Any]) -> tuple[str, str, str]:
    """What a model's entry and its scores have in common."""
    return entry["group"], entry["model"], entry["runtime"]
