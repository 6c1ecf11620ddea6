"""Measures models on this host: one process each, one repetition after the other, A B C A B C."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path

from mobile_robust import __version__
from mobile_robust.bench.host import machine as device
from mobile_robust.bench.host.pairs import alternate
from mobile_robust.bench.host.worker import WorkerJob
from mobile_robust.bench.inputs import Photos, TestSet, TestSets
from mobile_robust.bench.models import Model
from mobile_robust.bench.resume import Key, key, missing, new_run, now, refused, resume
from mobile_robust.contracts.result import (
    App,
    ErrorRecord,
    Pairs,
    Protocol,
    Repetition,
    Result,
    Run,
    read_result,
    write_result,
)
from mobile_robust.documents import parse_json
from mobile_robust.errors import first_line
from mobile_robust.files import scratch_folder
from mobile_robust.runtimes.base import PlacementError
from mobile_robust.runtimes.process import Message, Worker, launch
from mobile_robust.runtimes.registry import runtimes

_WORKER = "mobile_robust.bench.host.worker"
#: Called at every step: what is done now, and how many repetitions of all models are there.
Notify = Callable[[str, int], None]


def measure(
    models: Sequence[Model],
    protocol: Protocol,
    photos: Photos,
    path: Path,
    notify: Notify,
    pairs: int = 0,
    base: str = "",
) -> Result:
    """Measures what is missing in the result at ``path``, and writes it anew after every repetition; then ``pairs``
    inferences of every model in turn with the recipe ``base``'s file of the same precision on the same runtime.

    Where there is a result, its repetitions are kept, and what went wrong before is tried again.

    Raises:
        InputError: The result there is of another protocol, of other artifacts or of another machine; or it cannot be
            written.
    """
    session = _Session(models, protocol, path)
    with ExitStack() as stack:
        sets = TestSets(photos, stack.enter_context(scratch_folder(path.parent)))
        for model in models:
            if session.missing(model):
                notify(f"loading {model.artifact.file}", session.done)
                session.load(model, sets.of(model), stack)
        for index in range(protocol.repetitions):
            for model in models:
                if index in session.missing(model):
                    notify(f"{model.artifact.file} on {model.runtime}", session.done)
                    session.repeat(model, index)
        for model in models:
            if other := session.partner(model, base, models, pairs):
                notify(f"{model.artifact.file} and {other.artifact.file} in turn", session.done)
                session.compare(model, other, sets, pairs)
    session.write(complete=True)
    return session.result


class _Session:
    """The result so far, and the processes of its models."""

    def __init__(self, models: Sequence[Model], protocol: Protocol, path: Path) -> None:
        self._path, self._protocol = path, protocol
        self._workers: dict[Key, Worker] = {}
        self._failed: set[Key] = set()
        self.result = Result(
            created=now(),
            app=App(platform="host", name="mobile-robust", version=__version__),
            device=device.describe(),
            protocol=protocol,
            runs=tuple(map(_new_run, models)),
            complete=False,
        )
        if path.exists():
            old = read_result(path)
            if (old.device, old.app) != (self.result.device, self.result.app):
                raise refused(path, "of another machine or program version")
            self.result = resume(old, self.result, path)
        self._runs = {run.key: run for run in self.result.runs}

    @property
    def done(self) -> int:
        """Repetitions of all models that are there, and those that will never be."""
        most = self._protocol.repetitions
        return sum(most if run.key in self._failed else len(run.repetitions) for run in self._runs.values())

    def missing(self, model: Model) -> list[int]:
        """Repetitions that are still to be measured."""
        return [] if key(model) in self._failed else missing(self._runs[key(model)], self._protocol.repetitions)

    def load(self, model: Model, inputs: TestSet, stack: ExitStack) -> None:
        """Starts the model's process; whether all operations are where they should be is found out before."""
        run, runtime = self._runs[key(model)], runtimes()[model.runtime].make_timed()
        try:
            with runtime.open(model.path) as session:
                placement = session.placement
        except (PlacementError, RuntimeError) as error:
            self._fail(model, "load", first_line(error))
            return
        worker = Worker(**launch(_WORKER, [], runtime.environment()))
        stack.callback(worker.close)
        job = WorkerJob(
            artifact=model.path.resolve(),
            runtime=model.runtime,
            protocol=self._protocol,
            inputs=inputs.path,
            shapes=inputs.shapes,
        )
        reply = worker.ask(Message("job", job.model_dump_json()))
        if reply.kind == "error":
            self._fail(model, "load", reply.text)
            return
        self._workers[key(model)] = worker
        if not run.load_ns:  # after a resumption the first load counts, of which nothing was in the machine's caches
            facts = {"actual": placement, "inputs_sha256": inputs.sha256}
            self._runs[key(model)] = Run.model_validate({**run.model_dump(), **parse_json(reply.text), **facts})

    def repeat(self, model: Model, index: int) -> None:
        """Measures one repetition and writes the result."""
        time.sleep(self._protocol.cool_down_seconds)
        before = device.state()
        reply = self._workers[key(model)].ask(Message("repeat"))
        if reply.kind == "error":
            self._fail(model, f"repetition {index}", reply.text)
            return
        measured = Repetition(
            index=index,
            start=reply.text,
            samples_ns=tuple(reply.arrays["ns"].tolist()),
            state_before=before,
            state_after=device.state(),
        )
        run = self._runs[key(model)]
        ordered = tuple(sorted([*run.repetitions, measured], key=lambda repetition: repetition.index))
        self._runs[key(model)] = run.model_copy(update={"repetitions": ordered})
        self.write()

    def partner(self, model: Model, base: str, models: Sequence[Model], pairs: int) -> Model | None:
        """What a model is still to be measured with in turn; None: nothing."""
        if model.manifest.recipe.name == base or not pairs or key(model) in self._failed:
            return None
        wanted = base, model.artifact.precision, model.runtime
        found = [m for m in models if (m.manifest.recipe.name, m.artifact.precision, m.runtime) == wanted]
        there = self._runs[key(model)].pairs
        if not found or (there and (there.base_sha256, len(there.samples_ns)) == (found[0].artifact.sha256, pairs)):
            return None
        return found[0]

    def compare(self, model: Model, other: Model, sets: TestSets, pairs: int) -> None:
        """Measures two models in turn and writes the result."""
        both = (model.path, other.path), (sets.of(model), sets.of(other))
        reply = alternate(*both, model.runtime, self._protocol, pairs)
        if reply.kind == "error":
            self._fail(model, f"in turn with {other.artifact.file}", reply.text)
            return
        samples = [*map(tuple, reply.arrays["ns"].tolist())]
        base = {"base": other.manifest.recipe.name, "base_sha256": other.artifact.sha256}
        pairs_of = Pairs.model_validate({**base, "clock": reply.text, "samples_ns": samples})
        run = self._runs[key(model)]
        self._runs[key(model)] = run.model_copy(update={"pairs": pairs_of})
        self.write()

    def write(self, complete: bool = False) -> None:
        """Writes the result; ``complete`` sets its done marker."""
        self.result = self.result.model_copy(update={"runs": tuple(self._runs.values()), "complete": complete})
        write_result(self.result, self._path)

    def _fail(self, model: Model, where: str, message: str) -> None:
        """A record in the place of the numbers that will not come."""
        run, record = self._runs[key(model)], ErrorRecord(when=now(), where=where, message=message)
        self._runs[key(model)] = run.model_copy(update={"errors": (*run.errors, record)})
        self._failed.add(key(model))
        self.write()


def _new_run(model: Model) -> Run:
    info = runtimes()[model.runtime]
    return new_run(model, version(info.packages[0]), info.arithmetic)
