"""Devices being measured on the terminal: a bar each, and the tables at the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from mobile_robust.errors import InputError
from mobile_robust.reporting.console import make_console

if TYPE_CHECKING:  # they import PyTorch: not for --help
    from mobile_robust.bench.device.measure import DeviceMeasurement, MeasurementStep, Notify


@contextmanager
def device_bars(console: Console) -> Iterator[Notify]:
    """A progress bar a device; before and after these, one for the command's own steps."""
    columns = TextColumn("{task.fields[serial]}"), BarColumn(), MofNCompleteColumn(), TextColumn("repetitions")
    text = TextColumn("{task.description}")
    with Progress(*columns, TimeElapsedColumn(), text, console=console, transient=True) as progress:
        command = progress.add_task("", serial="", total=None, visible=False)
        devices: dict[str, TaskID] = {}

        def show(step: MeasurementStep) -> None:
            progress.update(command, description=step.what, visible=step.serial is None)
            if step.serial is not None:
                if step.serial not in devices:
                    devices[step.serial] = progress.add_task("", serial=step.serial, total=step.total)
                progress.update(devices[step.serial], completed=step.done, description=step.what)

        yield show


def print_measurements(measured: Mapping[str, DeviceMeasurement | InputError]) -> int:
    """Tables of every device that was measured; gives the exit code.

    Raises:
        InputError: Some device was not; one message a device.
    """
    code, failures = 0, []
    for end in measured.values():
        if isinstance(end, InputError):
            failures.append(str(end))
        else:
            _print_measurement(end)
            code = code if end.passed else 1
    if failures:
        raise InputError("\n".join(failures))
    return code


def _print_measurement(measurement: DeviceMeasurement) -> None:
    from mobile_robust.bench.device.table import print_parity
    from mobile_robust.bench.table import print_table, tabulate

    console, result = make_console(), measurement.result
    print_table(tabulate([result], None), console)
    print_parity(measurement.parity, console)
    for run in result.runs:
        for message, where in {error.message: error.where for error in reversed(run.errors)}.items():  # each once
            _print(f"{run.artifact} on {run.runtime.name}: {where}: {message}", "red")
    for error in result.errors:
        _print(f"{error.where}: {error.message}", "red")
    _print(str(measurement.path))


def _print(text: str, style: str | None = None) -> None:
    make_console().print(text, style=style, soft_wrap=True)
