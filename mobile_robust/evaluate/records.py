"""Every answer on disk as soon as it is there: a run that was stopped goes on where it was.

``answers.jsonl`` begins with the photos it is about; then every line holds the places of some photos by model and
condition. Models are named by fingerprint, so a model, a runtime or a corruption that is added later is all that is
measured later.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.errors import InputError
from mobile_robust.evaluate.measure import BATCH_SIZE, EvaluationBatch, Predictions
from mobile_robust.evaluate.models import Model
from mobile_robust.evaluate.settings import CorruptionSetting, by_corruption
from mobile_robust.files import resume_key

FILE = "answers.jsonl"

#: No answer yet.
_MISSING = ord("-")


class Records:
    """The answers so far.

    Args:
        folder: Where they are kept; None keeps them in memory only.
        photos: What they are about.
        seed: Of the corruptions.

    Attributes:
        unreadable: Why photos could not be read, by index.
        notice: What was wrong with the file, if anything.

    Raises:
        InputError: The folder holds answers to other photos, cannot be read or written, or another run writes to it.
    """

    def __init__(self, folder: Path | None, photos: PhotoDataset, seed: int) -> None:
        self.unreadable: dict[int, str] = {}
        self.notice: str | None = None
        self._count, self._seed = len(photos), seed
        self._places: dict[tuple[str, str], bytearray] = {}
        self._file: IO[bytes] | None = None
        if folder is None:
            return
        self._path = folder / FILE
        header = {"photos": len(photos), "sha256": resume_key([photos.digest, photos.labels])}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("a+b")
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not self._load(self._file, header):
                self._append(header)
        except BlockingIOError:
            raise InputError(f"--out {folder}: another run is writing to {FILE} in it") from None
        except OSError as error:
            raise InputError(f"--out {folder}: {error.filename or FILE}: {error.strerror or error}") from None

    def places(self, model: Model, condition: CorruptionSetting) -> NDArray[np.uint8]:
        """Place of the right class in every photo, all of which must have been answered."""
        return np.frombuffer(self._of(model.fingerprint, condition.name), np.uint8) - ord("0")

    def missing(self, models: Sequence[Model], conditions: Sequence[CorruptionSetting]) -> Iterator[EvaluationBatch]:
        """What is still to be answered, photo by photo; all levels of a corruption in one task."""
        groups = [conditions[:1], *by_corruption(conditions).values()]
        for start in range(0, self._count, BATCH_SIZE):
            stop = min(start + BATCH_SIZE, self._count)
            for size in dict.fromkeys(model.size for model in models):
                fitting = [(index, model) for index, model in enumerate(models) if model.size == size]
                for group in groups:
                    work = []
                    for condition in group:
                        todo = tuple(i for i, model in fitting if self._lacks(model, condition, start, stop))
                        work += [(condition, todo)] if todo else []
                    if work:
                        yield EvaluationBatch(size, start, stop, tuple(work))

    def add(self, task: EvaluationBatch, answer: Predictions, models: Sequence[Model]) -> None:
        """Takes an answer and appends it to the file.

        Raises:
            InputError: The file cannot be written, for instance because the disk is full.
        """
        found: dict[str, dict[str, str]] = {}
        for (model, condition), places in answer.ranks.items():
            found.setdefault(models[model].fingerprint, {})[condition.name] = places
        line = {"from": task.start, "seed": self._seed, "places": found, "unreadable": answer.unreadable}
        self._take(line)
        if self._file is not None:
            try:
                self._append(line)
            except OSError as error:
                raise InputError(f"{self._path}: cannot be written: {error.strerror or error}") from None

    def close(self) -> None:
        """Lets other runs write."""
        if self._file is not None:
            with suppress(OSError):  # what a full disk did not take was told when it was written
                self._file.close()

    def _of(self, fingerprint: str, condition: str) -> bytearray:
        return self._places.setdefault((fingerprint, condition), bytearray([_MISSING]) * self._count)

    def _lacks(self, model: Model, condition: CorruptionSetting, start: int, stop: int) -> bool:
        return _MISSING in self._of(model.fingerprint, condition.name)[start:stop]

    def _append(self, line: dict[str, Any]) -> None:
        assert self._file is not None
        self._file.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
        self._file.flush()

    def _load(self, file: IO[bytes], header: dict[str, Any]) -> bool:
        """Reads the file, and cuts off a last line that a kill left unfinished; False where nothing is left."""
        file.seek(0)
        whole = 0
        for number, text in enumerate(file, start=1):
            if not text.endswith(b"\n"):
                self.notice = f"{self._path}: line {number} is unfinished and was left out: its answers are given again"
                file.truncate(whole)
                break
            self._understand(text, number, header)
            whole += len(text)
        file.seek(0, 2)
        return whole > 0

    def _understand(self, text: bytes, number: int, header: dict[str, Any]) -> None:
        try:
            line = json.loads(text)
            if number > 1:
                self._take(line)
                return
            known = [line[key] for key in header]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"{self._path}, line {number}: broken ({error}); delete this line to have its answers given again, "
                "or choose another --out"
            ) from None
        if known != list(header.values()):
            raise InputError(
                f"--out {self._path.parent}: its answers are about {known[0]} other photos or other labels (--images, "
                "--labels, --holdout); choose another folder"
            )

    def _take(self, line: dict[str, Any]) -> None:
        if line["seed"] != self._seed:
            return
        start = line["from"]
        for fingerprint, conditions in line["places"].items():
            for condition, places in conditions.items():
                end = start + len(places)
                if end > self._count or not (places.isascii() and places.isdecimal()):
                    raise ValueError(f"places of photos {start} to {end - 1}")
                self._of(fingerprint, condition)[start:end] = places.encode()
        self.unreadable |= {int(index): reason for index, reason in line["unreadable"].items()}
