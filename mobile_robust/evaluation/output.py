"""The files of an evaluation: scores.json, scores.csv, table.md and accuracy.png, each written whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

from mobile_robust.evaluation.plot import plot
from mobile_robust.evaluation.scores import Scores
from mobile_robust.evaluation.table import as_markdown
from mobile_robust.files import write_output
from mobile_robust.reporting.tables import csv_text


def write(scores: Scores, folder: Path) -> tuple[Path, ...]:
    """Writes the files into an existing folder and returns their paths.

    Raises:
        InputError: A file cannot be written, for instance because the disk is full.
    """
    records = [score.record() for score in scores.scores]
    mce = [{"model": [m.group, m.name, m.runtime], "mce": error} for m, error in scores.mce.items()]
    models = [
        {
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
        for model in scores.models
    ]
    document = {**scores.facts, "mce": mce, "models": models, "scores": records}
    contents: dict[str, bytes | str] = {
        "scores.json": json.dumps(document, indent=2) + "\n",
        "scores.csv": csv_text(records),
        "table.md": as_markdown(scores),
        "accuracy.png": plot(scores),
    }
    for name, content in contents.items():
        write_output(folder / name, content)
    return tuple(folder / name for name in contents)
