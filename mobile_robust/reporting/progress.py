"""Progress bars on terminals, which disappear when the work is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text


@contextmanager
def progress_bars(
    console: Console, titles: Sequence[str], total: int, unit: str = ""
) -> Iterator[Callable[[str, str, int], None]]:
    """A bar for each title; call what it yields with a title, what is done now, and how many are done."""
    columns = (
        TextColumn("{task.fields[title]}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        *([TextColumn(unit)] if unit else []),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bars = {title: progress.add_task("", total=total, title=title) for title in titles}
        yield lambda title, what, done: progress.update(bars[title], completed=done, description=what)


@contextmanager
def progress_bar(console: Console, title: str, steps: int) -> Iterator[Callable[[str], None]]:
    """A bar of steps; call what it yields with the name of each step as it begins."""
    begun = -1
    with progress_bars(console, [title], steps) as update:

        def step(what: str) -> None:
            nonlocal begun
            begun += 1
            update(title, what, begun)

        yield step


@contextmanager
def work_bar(console: Console, title: str) -> Iterator[Callable[[str, int, int | None], None]]:
    """A bar with the speed and the time that is left, for work in small units.

    Call what it yields with what is done now, how many units are done, and how many there are; None: not known yet.
    """
    what_now = TextColumn("{task.description}", markup=False)
    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), _Speed(), TimeRemainingColumn(), what_now)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("", total=None)
        yield lambda what, done, total: progress.update(bar, completed=done, total=total, description=what)


class _Speed(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.0f} a second" if task.speed and task.speed >= 1 else "")
