"""Every prediction on disk as soon as it is made, so that a stopped run is resumed.

``answers.jsonl`` begins with the photos it is about; then every line holds the rank of the true class in some photos,
by model and corruption setting. Models are named by fingerprint, so a model, a runtime or a corruption that is added
later is all that is measured later.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.documents import DocumentError, lines, parse_json, parse_model
from mobile_robust.errors import InputError
from mobile_robust.evaluation.measure import BATCH_SIZE, EvaluationBatch, Predictions
from mobile_robust.evaluation.models import Model
from mobile_robust.evaluation.settings import CorruptionSetting, by_corruption
from mobile_robust.files import output_lock, resume_key

FILE = "answers.jsonl"

#: No prediction yet.
_MISSING = ord("-")


class _Line(BaseModel):
    """Ranks of the true class, a digit a photo, in photos from ``start`` on: model -> corruption setting -> digits."""

    start: int = Field(ge=0, alias="from")
    seed: int
    places: dict[str, dict[str, Annotated[str, Field(pattern=r"^[0-9]+$")]]]
    unreadable: dict[Annotated[int, Field(ge=0)], str]


class Records:
    """The predictions so far.

    Args:
        folder: Where they are kept; None keeps them in memory only.
        photos: What they are about.
        seed: Of the corruptions.

    Attributes:
        unreadable: Why photos could not be read, by index.
        notice: What was wrong with the file, if anything.

    Raises:
        InputError: The folder holds predictions for other photos, cannot be read or written, or another process
            writes to it.
    """

    def __init__(self, folder: Path | None, photos: PhotoDataset, seed: int) -> None:
        self.unreadable: dict[int, str] = {}
        self.notice: str | None = None
        self._count, self._seed = len(photos), seed
        self._ranks: dict[tuple[str, str], bytearray] = defaultdict(lambda: bytearray([_MISSING]) * self._count)
        self._file: IO[bytes] | None = None
        self._held = ExitStack()
        if folder is None:
            return
        self._path = folder / FILE
        header = {"photos": len(photos), "sha256": resume_key([photos.digest, photos.labels])}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with ExitStack() as held:  # released where this fails
                held.enter_context(output_lock(folder))
                self._file = held.enter_context(self._path.open("a+b"))
                if not self._load(self._file, header):
                    self._append(header)
                self._held = held.pop_all()
        except OSError as error:
            raise InputError(f"--out {folder}: {error.filename or FILE}: {error.strerror or error}") from None

    def ranks(self, model: Model, setting: CorruptionSetting) -> NDArray[np.uint8]:
        """Rank of the true class in every photo, all of which must have been predicted: (photos,), 0 for top-1."""
        return np.frombuffer(self._ranks[model.fingerprint, setting.name], np.uint8) - ord("0")

    def missing(self, models: Sequence[Model], settings: Sequence[CorruptionSetting]) -> Iterator[EvaluationBatch]:
        """What is still to be predicted, photo by photo; all levels of a corruption in one batch."""
        groups = [settings[:1], *by_corruption(settings).values()]
        for start in range(0, self._count, BATCH_SIZE):
            stop = min(start + BATCH_SIZE, self._count)
            for size in dict.fromkeys(model.size for model in models):
                fitting = [(index, model) for index, model in enumerate(models) if model.size == size]
                for group in groups:
                    todo = {s: tuple(i for i, model in fitting if self._lacks(model, s, start, stop)) for s in group}
                    work = tuple((setting, lacking) for setting, lacking in todo.items() if lacking)
                    if work:
                        yield EvaluationBatch(size, start, stop, work)

    def add(self, batch: EvaluationBatch, predictions: Predictions, models: Sequence[Model]) -> None:
        """Takes the predictions of a batch and appends them to the file.

        Raises:
            InputError: The file cannot be written, for instance because the disk is full.
        """
        found: dict[str, dict[str, str]] = {}
        for (model, setting), ranks in predictions.ranks.items():
            found.setdefault(models[model].fingerprint, {})[setting.name] = ranks
        line = {"from": batch.start, "seed": self._seed, "places": found, "unreadable": predictions.unreadable}
        self._take(_Line.model_validate(line))
        if self._file is not None:
            try:
                self._append(line)
            except OSError as error:
                raise InputError(f"{self._path}: cannot be written: {error.strerror or error}") from None

    def close(self) -> None:
        """Lets other runs write."""
        with suppress(OSError):  # a full disk was reported when it was written to
            self._held.close()

    def _lacks(self, model: Model, setting: CorruptionSetting, start: int, stop: int) -> bool:
        return _MISSING in self._ranks[model.fingerprint, setting.name][start:stop]

    def _append(self, line: dict[str, Any]) -> None:
        assert self._file is not None
        self._file.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
        self._file.flush()

    def _load(self, file: IO[bytes], header: dict[str, Any]) -> bool:
        """Reads the file, and cuts off a last line that a kill left unfinished; False where nothing is left."""
        file.seek(0)
        whole = 0
        for number, text in lines(self._path, file):
            if not text.endswith(b"\n"):
                self.notice = f"{self._path}: line {number} is unfinished: its predictions are made again"
                file.truncate(whole)
                break
            self._parse(text, number, header)
            whole += len(text)
        file.seek(0, 2)
        return whole > 0

    def _parse(self, text: bytes, number: int, header: dict[str, Any]) -> None:
        try:
            if number > 1:
                self._take(parse_model(_Line, text))
                return
            first = parse_json(text)
            if not isinstance(first, dict) or not header.keys() <= first.keys():
                raise DocumentError(f"must say {' and '.join(header)}")
        except DocumentError as error:
            raise InputError(
                f"{self._path}, line {number}: broken ({error}); delete this line to have its predictions made again, "
                "or choose another --out"
            ) from None
        if {key: first[key] for key in header} != header:
            raise InputError(
                f"--out {self._path.parent}: its predictions are of {first['photos']} other photos or other labels "
                "(--images, --labels, --holdout); choose another folder"
            )

    def _take(self, line: _Line) -> None:
        """Raises DocumentError for ranks of more photos than there are."""
        if line.seed != self._seed:
            return
        for fingerprint, settings in line.places.items():
            for setting, ranks in settings.items():
                end = line.start + len(ranks)
                if end > self._count:
                    where = ("places", fingerprint, setting)
                    raise DocumentError(f"of photos {line.start} to {end - 1}; there are {self._count}", where)
                self._ranks[fingerprint, setting][line.start : end] = ranks.encode()
        if beyond := [index for index in line.unreadable if index >= self._count]:
            raise DocumentError(f"photo {beyond[0]}; there are {self._count}", ("unreadable",))
        self.unreadable |= line.unreadable
