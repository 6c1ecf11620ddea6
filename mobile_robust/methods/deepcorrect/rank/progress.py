"""Counts on disk after every batch, so that a run that was stopped can be resumed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel

from mobile_robust.documents import read_model
from mobile_robust.errors import InputError
from mobile_robust.files import resume_key, write_output
from mobile_robust.methods.deepcorrect.rank.priority import COPIES, PHOTOS, Counts


class _Saved(BaseModel):
    key: str
    counts: Counts


class Partial:
    """The file of an unfinished run, which is resumed with the same settings only: all that the counts depend on."""

    def __init__(self, path: Path, settings: dict[str, Any]) -> None:
        self.path = path
        # A batch of another size may round differently, and a prediction may depend on that.
        self._key = resume_key({**settings, "batch": [PHOTOS, COPIES]})

    def read(self) -> Counts:
        """The counts of a stopped run; fresh ones where there is none. Raises InputError, and leaves the file alone,
        where it belongs to another run, which may have taken hours."""
        if not self.path.exists():
            return Counts()
        reason = "it belongs to a run with other photos, weights or settings"
        try:
            saved = read_model(self.path, _Saved, "one of rank")
            if saved.key == self._key:
                return saved.counts
        except InputError:
            reason = "it cannot be read"
        raise self.refused(reason)

    def refused(self, reason: str) -> InputError:
        """The error of a file that cannot be resumed."""
        return InputError(f"{self.path}: cannot be resumed: {reason}; delete it to start anew, or change --out")

    def write(self, counts: Counts) -> None:
        """Saves the counts; a kill at any moment leaves these or the last ones."""
        write_output(self.path, _Saved(key=self._key, counts=counts).model_dump_json())
