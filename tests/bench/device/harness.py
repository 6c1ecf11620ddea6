"""Who measures, and what is asked of a result in the end."""

from __future__ import annotations

from pathlib import Path

from mobile_robust.bench.device.devices import Setting, folder_of, measure_all
from mobile_robust.bench.device.task import Task
from mobile_robust.contracts.result import RESULT_NAME, Result, read_result
from mobile_robust.errors import InputError
from tests.bench.device.fake_device import Double


class Desk:
    """Where somebody gives the command."""

    def __init__(self, task: Task, setting: Setting, out: Path) -> None:
        self.task, self.setting, self.out = task, setting, out
        self.said: list[str] = []

    def run(self, *phones: Double) -> dict[str, Result | InputError]:
        return measure_all(
            [phone.serial for phone in phones],
            self.task,
            self.out,
            self.setting,
            lambda serial, what, done: self.said.append(what),
        )

    def measured(self, phone: Double) -> Result:
        """Of a run that goes well in the end."""
        end = self.run(phone)[phone.serial]
        assert isinstance(end, Result), end
        assert end == self.stored(phone)
        return end

    def refused(self, phone: Double) -> str:
        """The message of a run that does not."""
        end = self.run(phone)[phone.serial]
        assert isinstance(end, InputError)
        assert len(str(end).splitlines()) == 1 and str(end).startswith(f"{phone.serial}: ")
        return str(end)

    def stored(self, phone: Double) -> Result:
        return read_result(folder_of(self.out, phone.serial) / RESULT_NAME)


def complete(result: Result) -> bool:
    """Everything is there, without a complaint."""
    return result.complete and all(
        [r.index for r in run.repetitions] == [0, 1] and run.errors == () and run.load_ns for run in result.runs
    )
