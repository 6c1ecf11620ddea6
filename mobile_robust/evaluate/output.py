"""The files of an evaluation: scores.json, scores.csv, table.md and accuracy.png, each written whole or not at all."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from mobile_robust.evaluate.models import Model
from mobile_robust.evaluate.plot import plot
from mobile_robust.evaluate.scores import Score
from mobile_robust.evaluate.settings import CorruptionSetting
from mobile_robust.files import write_output


def write_all(
    folder: Path,
    models: Sequence[Model],
    conditions: Sequence[CorruptionSetting],
    scores: Sequence[Score],
    facts: Mapping[str, Any],
    markdown: str,
) -> list[Path]:
    """Writes the files and says which.

    Args:
        folder: Exists.
        models: What was scored.
        conditions: Under which conditions.
        scores: Of all models.
        facts: Head of scores.json.
        markdown: Content of table.md.

    Raises:
        InputError: A file cannot be written, for instance because the disk is full.
    """
    document = {**facts, "models": [_described(model) for model in models], "scores": [asdict(s) for s in scores]}
    contents: dict[str, bytes | str] = {
        "scores.json": json.dumps(document, indent=2) + "\n",
        "scores.csv": _as_csv(scores),
        "table.md": markdown,
        "accuracy.png": plot(models, conditions, scores),
    }
    for name, content in contents.items():
        write_output(folder / name, content)
    return [folder / name for name in contents]


def _described(model: Model) -> dict[str, Any]:
    return {
        "group": model.group,
        "model": model.name,
        "runtime": model.runtime,
        "method": model.method,
        "size": model.size,
        "classes": model.classes,
        "sha256": model.sha256,
        "fingerprint": model.fingerprint,
        "backbone": model.baseline,
        "label": model.label,
    }


def _as_csv(scores: Sequence[Score]) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, [field.name for field in fields(Score)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(score) for score in scores)
    return buffer.getvalue()
