"""Counts on disk after every batch, so that a run that was stopped goes on where it was."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from mobile_robust.errors import InputError
from mobile_robust.files import write_atomically
from mobile_robust.methods.deepcorrect.rank.priority import COPIES, PHOTOS, Counts


class Partial:
    """``OUT.partial`` beside the file a run is going to write.

    Args:
        out: The file to be written in the end.
        settings: All that the counts depend on; a run with others does not go on from these.
    """

    def __init__(self, out: Path, settings: dict[str, Any]) -> None:
        self.path = out.with_name(out.name + ".partial")
        # A batch of another size may round differently, and an answer may hang on that.
        text = json.dumps({**settings, "batch": [PHOTOS, COPIES]}, sort_keys=True)
        self._key = hashlib.sha256(text.encode()).hexdigest()

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
        raise InputError(f"{self.path}: cannot go on from here: {reason}; delete it to start anew, or change --out")

    def write(self, counts: Counts) -> None:
        """Saves the counts; a kill at any moment leaves these or the last ones.

        Raises:
            InputError: The file cannot be written.
        """
        try:
            write_atomically(self.path, json.dumps({"key": self._key, "counts": asdict(counts)}))
        except OSError as error:
            raise InputError(f"{self.path}: cannot be written: {error.strerror or error}") from None

    def remove(self) -> None:
        """After the end."""
        self.path.unlink(missing_ok=True)
