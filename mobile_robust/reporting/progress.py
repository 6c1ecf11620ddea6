"""Progress bars on terminals, which disappear when the work is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from mobile_robust.stop_signals import check_stop


@contextmanager
def progress_bar(console: Console, title: str, steps: int) -> Iterator[Callable[[str], None]]:
    """A bar of steps; call what it yields with the name of each step as it begins."""
    with _bar(console, title, TimeElapsedColumn(), total=steps) as (progress, bar):
        done = count()

        def step(what: str) -> None:
            check_stop()
            progress.update(bar, completed=next(done), description=what)

        yield step


@contextmanager
def work_bar(console: Console, title: str) -> Iterator[Callable[[str, int, int | None], None]]:
    """A bar with the speed and the time that is left, for work in small units.

    Call what it yields with what is done now, how many units are done, and how many there are; None: not known yet.
    """
    with _bar(console, title, _Speed(), TimeRemainingColumn()) as (progress, bar):

        def step(what: str, done: int, total: int | None) -> None:
            check_stop()
            progress.update(bar, completed=done, total=total, description=what)

        yield step


@contextmanager
def _bar(
    console: Console, title: str, *columns: ProgressColumn, total: int | None = None
) -> Iterator[tuple[Progress, TaskID]]:
    name, what = (TextColumn(f"{{task.{field}}}", markup=False) for field in ("fields[title]", "description"))
    shown = name, BarColumn(), MofNCompleteColumn(), *columns, what
    with Progress(*shown, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield progress, progress.add_task("", total=total, title=title)


class _Speed(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.0f} a second" if task.speed and task.speed >= 1 else "")
