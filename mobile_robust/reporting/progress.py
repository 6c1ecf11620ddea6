"""Progress bars on terminals, which disappear when the work is done; elsewhere a line now and then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from time import monotonic

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

from mobile_robust.reporting.text import duration_text
from mobile_robust.stop_signals import check_stop


@contextmanager
def progress_bar(console: Console, title: str, steps: int) -> Iterator[Callable[[str], None]]:
    """A bar of steps; call what it yields with the name of each step as it begins."""
    with _bar(console, title, TimeElapsedColumn(), total=steps) as (progress, bar):
        done, lines = count(), Lines(console, title)

        def step(what: str) -> None:
            check_stop()
            finished = next(done)
            progress.update(bar, completed=finished, description=what)
            lines.show(what, finished, steps, even=False)

        yield step


@contextmanager
def work_bar(console: Console, title: str) -> Iterator[Callable[[str, int, int | None], None]]:
    """A bar with the speed and the time that is left, for work in small units.

    Call what it yields with what is done now, how many units are done, and how many there are; None: not known yet.
    """
    with _bar(console, title, _Speed(), TimeRemainingColumn()) as (progress, bar):
        lines = Lines(console, title)

        def step(what: str, done: int, total: int | None) -> None:
            check_stop()
            progress.update(bar, completed=done, total=total, description=what)
            lines.show(what, done, total)

        yield step


class Lines:
    """What is done, as lines for a log, where there is no terminal: the first soon, then one a minute.

    Args:
        clock: Seconds, from any beginning.
    """

    FIRST, EVERY = 10, 60

    def __init__(self, console: Console, title: str, clock: Callable[[], float] = monotonic) -> None:
        self._console, self._title, self._clock = console, title, clock
        self._begun: tuple[float, int] | None = None  # when the first units were done: starting takes longer than they
        self._first: int | None = None
        self._next = clock() + self.FIRST

    def show(self, what: str, done: int, total: int | None, even: bool = True) -> None:
        """Says so where it is time for a line; ``even``: units take about as long as each other, which tells how long
        the others will take."""
        now = self._clock()
        if total is not None and self._first is None:
            self._first = done
        elif self._begun is None and self._first is not None and done != self._first:
            self._begun = now, done
        if self._console.is_terminal or now < self._next:
            return
        self._next = now + self.EVERY
        said = f"{self._title}: {done}" + (f" of {total}" if total is not None else "")
        if even and total is not None and self._begun and done > self._begun[1]:
            start, before = self._begun
            said += f", about {duration_text((now - start) / (done - before) * (total - done))} left"
        self._console.print(Text(f"{said}: {what}" if what else said), soft_wrap=True)


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
