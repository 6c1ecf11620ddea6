"""One phone from the first push to the last sample: whatever happens on the way, what was measured stays measured.

The result on this computer is written anew after every look at the phone that found more. ``job.json`` beside it says
what the app was last asked for: should this process die, the next one first fetches what the phone measured meanwhile.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event

from pydantic import ValidationError

from mobile_robust import __version__
from mobile_robust.bench.android.diagnose import crash_report
from mobile_robust.bench.android.phone import Blob, Phone
from mobile_robust.bench.android.preflight import describe
from mobile_robust.bench.device.errors import LostError, PhoneError, StoppedError
from mobile_robust.bench.device.merge import MisfitError, merged, with_error
from mobile_robust.bench.device.monitor import Ending, Limits, during, follow
from mobile_robust.bench.device.outputs import Answers
from mobile_robust.bench.device.task import Task, job_key
from mobile_robust.bench.resume import go_on, missing, now
from mobile_robust.contracts.job import JOB_NAME, PROGRESS_NAME, Job, outputs_name
from mobile_robust.contracts.result import RESULT_NAME, App, ErrorRecord, Result, Run, read_result, write_result
from mobile_robust.errors import InputError
from mobile_robust.files import sha256, write_output

#: Told of every step: what is done now, and how many repetitions of all models are there.
Notify = Callable[[str, int], None]
#: The app is started so often without a single repetition in between before a model is given up.
_FRUITLESS = 2
#: A result that does not arrive whole is fetched so often.
_TRIES = 3
#: What an app that has no result gives as its hash.
_NOTHING = hashlib.sha256(b"").hexdigest()


class Session:
    """See the file.

    Args:
        phone: The phone; its app is installed.
        task: What is measured.
        folder: Exists; gets the result. Where one is there already, it is gone on with.
        limits: See :class:`Limits`.
        notify: See :data:`Notify`.
        stop: Set where the user wants an end.

    Raises:
        InputError: The result there is of something else, or it cannot be written.
    """

    def __init__(self, phone: Phone, task: Task, folder: Path, limits: Limits, notify: Notify, stop: Event) -> None:
        self._phone, self._task, self._limits, self._notify, self._stop = phone, task, limits, notify, stop
        self._folder, self._path, self._job_path = folder, folder / RESULT_NAME, folder / JOB_NAME
        self._answers = Answers(folder)
        fresh = Result(
            created=now(),
            app=App(platform="android", name="mobile-robust", version=__version__),
            device=describe(phone),
            protocol=task.protocol,
            runs=task.runs(),
            complete=False,
        )
        self.result = go_on(read_result(self._path), fresh, self._path) if self._path.exists() else fresh

    @property
    def done(self) -> int:
        """Repetitions of all models that are there, and those that will never be."""
        most = self._task.protocol.repetitions
        return sum(most if run.errors else len(run.repetitions) for run in self.result.runs)

    def measure(self) -> Result:
        """Measures what is missing.

        Raises:
            StoppedError: The user wants an end; the app is ended, what was measured is kept.
            PhoneError: The phone or its app needs a person.
            InputError: The app answers what does not fit its job, or the result cannot be written.
        """
        try:
            self._pick_up()
            self._measure_missing()
        except LostError:
            raise  # what its app goes on measuring is fetched next time
        except (StoppedError, InputError) as error:
            self._leave(isinstance(error, StoppedError))
            raise
        self._write(self.result.model_copy(update={"complete": True}))
        self._job_path.unlink(missing_ok=True)
        return self.result

    def _measure_missing(self) -> None:
        fruitless, before = 0, self._measured()
        while job := self._task.job(self.result.runs):
            ending = self._attempt(job)
            fruitless = 0 if self._measured() > before else fruitless + 1
            before = self._measured()
            if fruitless == _FRUITLESS:
                self._give_up(job, ending)
                fruitless = 0

    def _attempt(self, job: Job) -> Ending:
        """Starts the app on a job and stays until it ends, one way or the other."""
        self._push(job)
        write_output(self._job_path, job.model_dump_json() + "\n")
        began = self._phone.clock()
        self._say("starting the app")
        self._phone.start(JOB_NAME, f"{job.run_id}/{PROGRESS_NAME}")
        already = self.done
        ending = follow(
            self._phone,
            job.run_id,
            replace(self._limits, stuck=self._limits.stuck + job.protocol.cool_down_seconds),
            self._pause,
            lambda progress: self._notify(progress.what, already + progress.done),
            lambda: self._collect(job),
        )
        self._phone.stop()
        self._finish(job, ending.result_sha256)
        if ending.reason != "complete" and (report := crash_report(self._phone, began)):
            # Android may have started the app again, which then said that it was begun before.
            return Ending(None, f"the app crashed{during(ending.what)}: {report}", ending.what)
        return ending

    def _push(self, job: Job) -> None:
        """Everything the app does not have yet."""
        absent = self._phone.absent(self._task.files(job))
        if absent:
            self._phone.require_room([*absent, max(absent, key=lambda blob: blob.size)])  # one at a time is there twice
        for number, blob in enumerate(absent, start=1):
            self._pause(0)
            self._say(f"pushing {number} of {len(absent)}: {blob.path.name}")
            self._phone.put(blob)
        path = self._folder / f".{JOB_NAME}.push"
        try:
            write_output(path, job.model_dump_json())
            self._phone.put(Blob(path, sha256(path), ".json"), JOB_NAME)
        finally:
            path.unlink(missing_ok=True)

    def _pick_up(self) -> None:
        """What the phone measured after an earlier process had left it."""
        job = self._last_job()
        if job is None or job.protocol != self._task.protocol:
            return
        if {job_key(model) for model in job.models} <= {run.key for run in self.result.runs}:
            self._phone.stop()
            with suppress(MisfitError):  # such a rest is not ours to keep
                self._finish(job, None)
        self._job_path.unlink()

    def _finish(self, job: Job, expected: str | None) -> None:
        """Fetches all that the app has left of a job, and removes it there."""
        self._fetch_answers(job)
        self._collect(job, expected)
        self._phone.remove_run(job.run_id)

    def _collect(self, job: Job, expected: str | None = None) -> None:
        """Fetches the phone's result and adds it to ours.

        Args:
            job: What the app was asked for.
            expected: Hash of the result, where the app has said that nothing follows.

        Raises:
            PhoneError: The result of that hash does not arrive.
        """
        if expected == _NOTHING:
            return
        for _ in range(_TRIES):
            data = self._phone.read(f"{job.run_id}/{RESULT_NAME}")
            if (theirs := _parsed(data, expected)) is not None:
                self._write(merged(self.result, theirs, self._path))
                return
        if expected is not None:
            raise PhoneError(
                self._phone.serial,
                f"the result does not arrive as the app wrote it (tried {_TRIES} times); what came before is kept: try "
                "another cable or port, and give the same command again",
            )

    def _fetch_answers(self, job: Job) -> None:
        """What the app's models answered to the first inputs: fetched when nothing is timed, for it may be large."""
        theirs = _parsed(self._phone.read(f"{job.run_id}/{RESULT_NAME}"), None)
        runs = {run.key: run for run in theirs.runs} if theirs else {}
        for index, model in enumerate(job.models):
            run = runs.get(job_key(model))
            if run is not None and run.outputs_sha256 and not self._answers.there(run):
                self._say(f"fetching answers of {model.artifact}")
                fetch = partial(self._phone.read, f"{job.run_id}/{outputs_name(index)}")
                self._answers.keep(run, model.outputs, job.kept_outputs, fetch)

    def _give_up(self, job: Job, ending: Ending) -> None:
        """The app ended twice without a repetition. Where it crashed or hung, the model it was at is not tried a third
        time, the others are; where it said why it ended, that holds for all.
        """
        left = self._unfinished(job)
        if ending.reason is None:
            what = ending.what.lower()
            named = [r for r in left if (name := r.artifact.lower()) in what and r.requested in what.replace(name, "")]
            left = named[:1] or [min(left, key=lambda run: missing(run, self._task.protocol.repetitions)[0])]
        message = ending.message or "the app left it out and gives no reason"
        for run in left:
            self._record(run, f"{message}; {_FRUITLESS} times without a repetition")

    def _unfinished(self, job: Job) -> list[Run]:
        keys = {job_key(model) for model in job.models}
        most = self._task.protocol.repetitions
        return [run for run in self.result.runs if run.key in keys and not run.errors and missing(run, most)]

    def _record(self, run: Run, message: str) -> None:
        where = f"repetition {missing(run, self._task.protocol.repetitions)[0]}" if run.load_ns else "load"
        self._write(with_error(self.result, run, ErrorRecord(when=now(), where=where, message=message)))

    def _leave(self, collect: bool) -> None:
        """Ends the app early. ``collect``: what it has measured is fetched before, as far as the phone answers."""
        with suppress(StoppedError, InputError):
            if collect and (job := self._last_job()):
                self._collect(job)
            self._phone.stop()

    def _last_job(self) -> Job | None:
        try:
            return Job.model_validate_json(self._job_path.read_text(encoding="utf-8"))
        except (OSError, ValidationError, UnicodeDecodeError):
            return None

    def _measured(self) -> int:
        return sum(len(run.repetitions) for run in self.result.runs)

    def _write(self, result: Result) -> None:
        if result != self.result or not self._path.exists():
            write_result(result, self._path)
            self.result = result

    def _say(self, what: str) -> None:
        self._notify(what, self.done)

    def _pause(self, seconds: float) -> None:
        """Raises StoppedError where the user wants an end."""
        if self._stop.wait(seconds):
            raise StoppedError


def _parsed(data: bytes | None, expected: str | None) -> Result | None:
    """A result as it came; None where it is cut off, or has another hash than expected."""
    if data is None or (expected is not None and hashlib.sha256(data).hexdigest() != expected):
        return None
    try:
        return Result.model_validate_json(data)
    except ValidationError:
        return None
