"""Measures models on this host: one process each, one repetition after the other, A B C A B C."""

from __future__ import annotations

import json
import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mobile_robust import __version__
from mobile_robust.bench.host import machine as device
from mobile_robust.bench.host.worker import Job
from mobile_robust.bench.inputs import Photos, TestSet, TestSets
from mobile_robust.bench.models import Model
from mobile_robust.bench.resume import Key, key, missing, new_run, now, refused, resume
from mobile_robust.contracts.result import (
    App,
    ErrorRecord,
    Output,
    Protocol,
    Repetition,
    Result,
    Run,
    read_result,
    write_result,
)
from mobile_robust.errors import first_line
from mobile_robust.runtimes.base import PlacementError
from mobile_robust.runtimes.process import Message, Worker, launch
from mobile_robust.runtimes.registry import runtimes

_WORKER = "mobile_robust.bench.host.worker"
#: Called at every step: what is done now, and how many repetitions of all models are there.
Notify = Callable[[str, int], None]


def measure(models: Sequence[Model], protocol: Protocol, photos: Photos, path: Path, notify: Notify) -> Result:
    """Measures what is missing in the result at ``path``, and writes it anew after every repetition.

    Args:
        models: What is measured.
        protocol: How.
        photos: The test set.
        path: Of the result; where it exists, its repetitions are kept. What went wrong before is tried again.
        notify: See :data:`Notify`.

    Raises:
        InputError: The result there is of another protocol, of other artifacts or of another machine; or it cannot be
            written.
    """
    session = _Session(models, protocol, path)
    with ExitStack() as stack:
        sets = TestSets(photos, Path(stack.enter_context(TemporaryDirectory())))
        for model in models:
            if session.missing(model):
                notify(f"loading {model.artifact.file}", session.done)
                session.load(model, sets.of(model), stack)
        for index in range(protocol.repetitions):
            for model in models:
                if index in session.missing(model):
                    notify(f"{model.artifact.file} on {model.runtime}", session.done)
                    session.repeat(model, index)
    session.finish()
    return session.result


class _Session:
    """The result so far, and the processes of its models."""

    def __init__(self, models: Sequence[Model], protocol: Protocol, path: Path) -> None:
        self._path, self._protocol = path, protocol
        self._runs = {key(model): _new_run(model) for model in models}
        self._workers: dict[Key, Worker] = {}
        self._failed: set[Key] = set()
        fresh = Result(
            created=now(),
            app=App(platform="host", name="mobile-robust", version=__version__),
            device=device.describe(),
            protocol=protocol,
            runs=tuple(self._runs.values()),
            complete=False,
        )
        self.result = self._resumed(read_result(path), fresh) if path.exists() else fresh

    @property
    def done(self) -> int:
        """Repetitions of all models that are there, and those that will never be."""
        most = self._protocol.repetitions
        return sum(most if run.key in self._failed else len(run.repetitions) for run in self._runs.values())

    def missing(self, model: Model) -> list[int]:
        """Repetitions that are still to be measured."""
        if key(model) in self._failed:
            return []
        return missing(self._runs[key(model)], self._protocol.repetitions)

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
        reply = worker.ask(_job(model, inputs, self._protocol).message())
        if reply.kind == "error":
            self._fail(model, "load", reply.text)
            return
        self._workers[key(model)] = worker
        facts: dict[str, Any] = {"actual": placement, "inputs_sha256": inputs.sha256, "outputs": _outputs(reply)}
        loaded = Run.model_validate({**run.model_dump(), **json.loads(reply.text), **facts})
        # After a resumption it is the first load that counts, of which nothing was in the machine's caches.
        self._runs[key(model)] = run if run.load_ns else loaded

    def repeat(self, model: Model, index: int) -> None:
        """Measures one repetition and writes the result."""
        time.sleep(self._protocol.cool_down_seconds)
        before = device.state()
        reply = self._workers[key(model)].ask(Message("repeat"))
        if reply.kind == "error":
            self._fail(model, f"repetition {index}", reply.text)
            return
        run = self._runs[key(model)]
        measured = Repetition(
            index=index,
            start=reply.text,
            samples_ns=tuple(reply.arrays["ns"].tolist()),
            state_before=before,
            state_after=device.state(),
        )
        ordered = tuple(sorted([*run.repetitions, measured], key=lambda repetition: repetition.index))
        self._runs[key(model)] = run.model_copy(update={"repetitions": ordered})
        self._write()

    def finish(self) -> None:
        """Sets the done marker."""
        self.result = self.result.model_copy(update={"complete": True})
        self._write()

    def _fail(self, model: Model, where: str, message: str) -> None:
        """A record in the place of the numbers that will not come."""
        run, record = self._runs[key(model)], ErrorRecord(when=now(), where=where, message=message)
        self._runs[key(model)] = run.model_copy(update={"errors": (*run.errors, record)})
        self._failed.add(key(model))
        self._write()

    def _write(self) -> None:
        self.result = self.result.model_copy(update={"runs": tuple(self._runs.values())})
        write_result(self.result, self._path)

    def _resumed(self, old: Result, fresh: Result) -> Result:
        if old.device != fresh.device or old.app != fresh.app:
            raise refused(self._path, "of another machine or program version")
        result = resume(old, fresh, self._path)
        self._runs = {run.key: run for run in result.runs}
        return result


def _new_run(model: Model) -> Run:
    info = runtimes()[model.runtime]
    return new_run(model, version(info.packages[0]), info.arithmetic)


def _job(model: Model, inputs: TestSet, protocol: Protocol) -> Job:
    return Job(
        artifact=str(model.path.resolve()),
        runtime=model.runtime,
        threads=protocol.threads,
        pinned_cpus=protocol.pinned_cpus,
        warm_up_seconds=protocol.warm_up_seconds,
        warm_up_runs=protocol.warm_up_runs,
        inputs=str(inputs.path),
        shapes=inputs.shapes,
        count=protocol.inputs.count,
    )


def _outputs(reply: Message) -> tuple[Output, ...]:
    """The outputs that the worker kept, by "INPUT NAME"."""
    found = []
    for name, x in reply.arrays.items():
        index, _, output = name.partition(" ")
        values = b64encode(x.tobytes()).decode()
        found.append(Output(input=int(index), name=output, shape=x.shape, values=values))
    return tuple(found)
