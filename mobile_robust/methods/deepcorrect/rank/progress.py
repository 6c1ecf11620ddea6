"""Counts on disk after every batch, so that a run that was stopped can be resumed."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from mobile_robust.errors import InputError
from mobile_robust.files import resume_key, write_output
from mobile_robust.methods.deepcorrect.rank.priority import COPIES, PHOTOS, Counts


class Partial:
    """The file of an unfinished run.

    Args:
        path: The file.
        settings: All that the counts depend on; they are resumed with the same settings only.
    """

    def __init__(self, path: Path, settings: dict[str, Any]) -> None:
        self.path = path
        # A batch of another size may round differently, and a prediction may depend on that.
        self._key = resume_key({**settings, "batch": [PHOTOS, COPIES]})

    def read(self) -> Counts:
        """The counts of a stopped run with the same settings; fresh ones where there is none.

        Raises:
            InputError: The file belongs to another run, which may have taken hours: it is left alone.
        """
        if not self.path.exists():
            return Counts()
        try:
            document = json.loads(self.path.read_text(encoding="utf-8"))
            if document["key"] == self._key:
                return TypeAdapter(Counts).validate_python(document["counts"])
            reason = "it belongs to a run with other photos, weights or settings"
        except (OSError, ValueError, KeyError, TypeError, ValidationError):
            reason = "it cannot be read"
        raise InputError(f"{self.path}: cannot be resumed: {reason}; delete it to start anew, or change --out")

    def write(self, counts: Counts) -> None:
        """Saves the counts; a kill at any moment leaves these or the last ones.

        Raises:
            InputError: The file cannot be written.
        """
        write_output(self.path, json.dumps({"key": self._key, "counts": asdict(counts)}))
