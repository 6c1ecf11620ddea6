"""ImageNet-C's mean corruption error, relative to AlexNet's errors (Hendrycks & Dietterich, ICLR 2019, section 4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mobile_robust.corruptions import CORRUPTIONS, IMAGENET_C
from mobile_robust.documents import read_csv
from mobile_robust.errors import InputError, unknown
from mobile_robust.evaluation.models import Model
from mobile_robust.evaluation.scores import Score
from mobile_robust.evaluation.settings import CorruptionSetting, by_corruption


def read_errors(path: Path, settings: Sequence[CorruptionSetting]) -> dict[str, float]:
    """AlexNet's error in % (mean over the five severities) by corruption, for those of ImageNet-C's fifteen that are
    evaluated, from a CSV file with the header ``corruption,error``.

    Raises:
        InputError: The file cannot be read, names what is no corruption of ImageNet-C, names one twice or lacks one
            that is evaluated; an error is no percentage; a corruption lacks a severity; or none of them is evaluated.
    """
    given = _read(path)
    wanted = {name: members for name, members in by_corruption(settings).items() if name in IMAGENET_C}
    if not wanted:
        raise InputError(
            f"--alexnet-errors {path}: none of ImageNet-C's corruptions is evaluated; --corruption imagenet_c"
        )
    for name, members in wanted.items():
        if name not in given:
            raise InputError(f"--alexnet-errors {path}: no line for {name}, which is evaluated")
        if {member.level for member in members} != set(CORRUPTIONS[name].levels):
            raise InputError(
                f"--alexnet-errors {path}: needs all five severities of {name}: --corruption {name}, without a level"
            )
    return {name: given[name] for name in wanted}


def _read(path: Path) -> dict[str, float]:
    if not path.exists():
        raise InputError(f"--alexnet-errors {path}: no such file")
    given: dict[str, float] = {}
    for line, (name, text) in read_csv(path, "corruption", "error"):
        where = f"{path}, line {line}"
        if name not in IMAGENET_C:
            raise InputError(f"{where}: {unknown('corruption of ImageNet-C', name, IMAGENET_C, 15)}")
        if name in given:
            raise InputError(f"{where}: {name} for the second time")
        given[name] = _percent(text, where)
    return given


def _percent(text: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 1 < value <= 100:
        raise InputError(f"{where}: the error must be a percentage, more than 1 and at most 100, got {text[:20]!r}")
    return value


def mean_corruption_errors(scores: Sequence[Score], alexnet: Mapping[str, float]) -> dict[Model, float]:
    """Model -> its mean over corruptions of error / AlexNet's error, in %."""
    errors: dict[Model, list[float]] = {}
    for score in scores:
        if score.level is None and score.corruption in alexnet:
            errors.setdefault(score.model, []).append(100 * (1 - score.top1.value) / alexnet[score.corruption])
    return {model: sum(relative) / len(alexnet) * 100 for model, relative in errors.items()}
