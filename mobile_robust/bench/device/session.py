"""Measures on one device, from the first file put there to the last sample; what was measured is never lost.

The result on this computer is written anew after every reading of the device that found more. ``job.json`` beside it
says what the app was last asked for: after this process has died, the next one first fetches what the device has
measured meanwhile.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from mobile_robust import __version__
from mobile_robust.bench.device.errors import DeviceError, LostError, StoppedError
from mobile_robust.bench.device.merge import MismatchError, merge
from mobile_robust.bench.device.monitor import Ending, Limits, monitor
from mobile_robust.bench.device.outputs import StoredOutputs
from mobile_robust.bench.device.plan import MeasurementPlan
from mobile_robust.bench.device.transport import DeviceFile, DeviceTransport
from mobile_robust.bench.resume import missing, now, resume
from mobile_robust.contracts.job import JOB_NAME, PROGRESS_NAME, Job, outputs_name
from mobile_robust.contracts.result import (
    RESULT_NAME,
    SCHEMA_VERSION,
    App,
    ErrorRecord,
    Result,
    Run,
    read_result,
    write_result,
)
from mobile_robust.documents import DocumentError, as_model, parse_json, parse_model, read
from mobile_robust.errors import InputError
from mobile_robust.files import sha256, size, write_output

#: Called with every step: what is done now, and how many repetitions of all models are measured.
Notify = Callable[[str, int], None]
#: The app is started so often without a new repetition before a model is given up.
_FRUITLESS = 2
#: Different steps that the app can report: it starts, loads a model and runs the test set; cools down, waits for the
#: phone at each of seven thermal states, measures.
_STEPS_A_MODEL, _STEPS_A_REPETITION = 3, 9
#: A result that does not arrive whole is fetched so often.
_TRIES = 3
#: By how much samples may seem to last longer than the computer's clock says.
_CLOCK_SECONDS = 5.0
#: What an app that has no result gives as its hash.
_NOTHING = hashlib.sha256(b"").hexdigest()


class DeviceSession:
    """The result of one device while it grows.

    Args:
        transport: Of the device; its app is installed before :meth:`measure`.
        plan: What is measured.
        folder: Exists; gets the result. One that is there already is resumed.
        limits: When the app counts as hung.
        notify: See :data:`Notify`.
        pause: Waits so many seconds; raises StoppedError where the user wants an end.

    Raises:
        InputError: The result there is of something else, or it cannot be written.
    """

    def __init__(
        self,
        transport: DeviceTransport,
        plan: MeasurementPlan,
        folder: Path,
        limits: Limits,
        notify: Notify,
        pause: Callable[[float], None],
    ) -> None:
        self._device, self._plan, self._limits, self._notify, self._pause = transport, plan, limits, notify, pause
        self._path, self._job_path = folder / RESULT_NAME, folder / JOB_NAME
        self._outputs = StoredOutputs(folder)
        fresh = Result(
            created=now(),
            app=App(platform=transport.platform.name, name="mobile-robust", version=__version__),
            device=transport.describe(),
            protocol=plan.protocol,
            runs=plan.runs(),
            complete=False,
        )
        self.result = resume(read_result(self._path), fresh, self._path) if self._path.exists() else fresh

    @property
    def done(self) -> int:
        """Repetitions of all models that are measured, and those that will never be."""
        most = self._plan.protocol.repetitions
        return sum(most if run.errors else len(run.repetitions) for run in self.result.runs)

    def measure(self) -> Result:
        """Measures what is missing; whatever is raised, what was measured is kept.

        Raises:
            StoppedError: The user wants an end; the app is ended.
            DeviceError: A person must act on the device or its app.
            InputError: The app's result does not match its job, or the result cannot be written.
        """
        try:
            self._fetch_previous()
            self._measure_missing()
        except LostError:
            raise  # what its app measures meanwhile is fetched next time
        except (StoppedError, InputError) as error:
            self._leave(isinstance(error, StoppedError))
            raise
        self._write(self.result.model_copy(update={"complete": True}))
        self._job_path.unlink(missing_ok=True)
        return self.result

    def _measure_missing(self) -> None:
        fruitless, before = 0, self._measured()
        while job := self._plan.job(self.result.runs):
            ending = self._attempt(job)
            fruitless = 0 if self._measured() > before else fruitless + 1
            before = self._measured()
            if fruitless == _FRUITLESS:
                self._give_up(job, ending)
                fruitless = 0

    def _attempt(self, job: Job) -> Ending:
        """Starts the app on a job and waits until it ends."""
        self._push(job)
        began = self._device.clock()
        self._say("starting the app")
        self._device.start(JOB_NAME, f"{job.run_id}/{PROGRESS_NAME}")
        already, asked = self.done, sum(len(model.repetitions) for model in job.models)
        ending = monitor(
            self._device,
            job.run_id,
            replace(self._limits, stuck=self._limits.stuck + job.protocol.cool_down_seconds),
            _STEPS_A_MODEL * len(job.models) + _STEPS_A_REPETITION * asked,
            self._pause,
            lambda progress: self._notify(progress.what, already + min(progress.done, asked)),
            lambda: self._collect(job),
        )
        self._device.stop()
        self._finish(job, ending.result_sha256)
        if ending.reason != "complete" and (diagnosis := self._device.diagnose(began)):
            # A system that started the app again after its crash made it report that it was begun before.
            return ending.crashed(diagnosis)
        return ending

    def _push(self, job: Job) -> None:
        """The job, and everything for it that the app does not have yet."""
        absent = self._device.missing(self._plan.files(job))
        if absent:
            sizes = [size(file.path) for file in absent]
            self._device.require_space(*sizes, max(sizes))  # one at a time is there twice
        for number, file in enumerate(absent, start=1):
            self._pause(0)
            self._say(f"pushing {number} of {len(absent)}: {file.path.name}")
            self._device.put(file)
        write_output(self._job_path, job.model_dump_json() + "\n")
        self._device.put(DeviceFile(self._job_path, sha256(self._job_path), ".json"), JOB_NAME)

    def _fetch_previous(self) -> None:
        """Fetches what the device measured after an earlier process had left it."""
        job = self._last_job()
        if job is None or job.protocol != self._plan.protocol:
            return
        if {self._plan.run_key(model) for model in job.models} <= {run.key for run in self.result.runs}:
            self._device.stop()
            with suppress(MismatchError):  # it belongs to another measurement
                self._finish(job, None)
        self._job_path.unlink()

    def _finish(self, job: Job, expected: str | None) -> None:
        """Fetches all that the app has left of a job, and removes it there."""
        self._fetch_outputs(job)
        self._collect(job, expected)
        self._device.remove(job.run_id)

    def _collect(self, job: Job, expected: str | None = None) -> None:
        """Fetches the device's result and merges it into ours. Raises DeviceError where the result of the ``expected``
        hash, which the app reports at its end, does not arrive."""
        if expected == _NOTHING:
            return
        for _ in range(_TRIES):
            data = self._device.read(f"{job.run_id}/{RESULT_NAME}")
            if (theirs := _parsed(data, expected, self._device.serial)) is not None:
                self._write(merge(self.result, theirs, self._path, job, self._elapsed()))
                return
        if expected is not None:
            raise DeviceError(
                self._device.serial,
                f"the result does not arrive as the app wrote it (tried {_TRIES} times); what came before is kept: try "
                "another cable or port, and give the same command again",
            )

    def _fetch_outputs(self, job: Job) -> None:
        """The models' outputs for the first inputs: fetched when nothing is timed, for they may be large."""
        theirs = _parsed(self._device.read(f"{job.run_id}/{RESULT_NAME}"), None, self._device.serial)
        runs = {run.key: run for run in theirs.runs} if theirs else {}
        for index, model in enumerate(job.models):
            run = runs.get(self._plan.run_key(model))
            if run is not None and run.outputs_sha256 and not self._outputs.has(run):
                self._say(f"fetching outputs of {model.artifact}")
                fetch = partial(self._device.read, f"{job.run_id}/{outputs_name(index)}")
                self._outputs.store(run, model.outputs, job.kept_outputs, fetch)

    def _give_up(self, job: Job, ending: Ending) -> None:
        """The app ended repeatedly without a new repetition. Where it crashed or hung, the model it was at is not tried
        again, the others are; where it reported why it ended, that holds for all.
        """
        keys, most = {self._plan.run_key(model) for model in job.models}, self._plan.protocol.repetitions
        left = [run for run in self.result.runs if run.key in keys and not run.errors and missing(run, most)]
        if ending.reason is None and left:
            at = ending.last.model
            blamed = self._plan.run_key(job.models[at]) if at is not None and at < len(job.models) else None
            first = min(left, key=lambda run: missing(run, most)[0])
            left = [next((run for run in left if run.key == blamed), first)]
        message = ending.message or "the app left it out and gives no reason"
        for run in left:
            self._record(run, f"{message}; {_FRUITLESS} times without a repetition")

    def _record(self, run: Run, message: str) -> None:
        """An error record in the place of missing samples."""
        where = f"repetition {missing(run, self._plan.protocol.repetitions)[0]}" if run.load_ns else "load"
        record = ErrorRecord(when=now(), where=where, message=message)
        failed = run.model_copy(update={"errors": (*run.errors, record)})
        runs = tuple(failed if r.key == run.key else r for r in self.result.runs)
        self._write(self.result.model_copy(update={"runs": runs}))

    def _leave(self, collect: bool) -> None:
        """Ends the app early. ``collect``: what it has measured is fetched before, as far as the device responds."""
        with suppress(StoppedError, InputError):
            if collect and (job := self._last_job()):
                self._collect(job)
            self._device.stop()

    def _last_job(self) -> Job | None:
        try:
            return parse_model(Job, read(self._job_path))
        except InputError:
            return None

    def _elapsed(self) -> float:
        """Seconds since the job was written, and some more for clocks that are set; infinite where one was set back."""
        seconds = time.time() - self._job_path.stat().st_mtime
        return seconds + _CLOCK_SECONDS if seconds >= 0 else math.inf

    def _measured(self) -> int:
        return sum(len(run.repetitions) for run in self.result.runs)

    def _write(self, result: Result) -> None:
        if result != self.result or not self._path.exists():
            write_result(result, self._path)
            self.result = result

    def _say(self, what: str) -> None:
        self._notify(what, self.done)


def _parsed(data: bytes | None, expected: str | None, serial: str) -> Result | None:
    """A result as it arrived; None where it is cut off, or has another hash than expected. Raises DeviceError where it
    is of another schema version."""
    if data is None or (expected is not None and hashlib.sha256(data).hexdigest() != expected):
        return None
    try:
        document = parse_json(data)
        version = document.get("schema_version", SCHEMA_VERSION) if isinstance(document, dict) else SCHEMA_VERSION
        if type(version) is int and version != SCHEMA_VERSION:
            raise DeviceError(
                serial,
                f"its app writes results of schema version {version}; this program knows version {SCHEMA_VERSION}: "
                "build the app again",
            )
        return as_model(Result, document)
    except DocumentError:
        return None
