"""The terminal, as every command writes to it."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from mobile_robust.terminal import printable

#: Narrower, tables would show nothing.
_LEAST_WIDTH = 20


class _PrintableConsole(Console):
    """Rich's console, whose control sequences are its own and never those of a text."""

    def print(self, *objects: Any, **options: Any) -> None:
        super().print(*map(printable_text, objects), **options)  # now, so that lines are broken where they end

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=printable(segment.text))


def printable_text(shown: Any) -> Any:
    """What is to be printed with its control characters escaped, if it is a text."""
    if isinstance(shown, str):
        return printable(shown)
    if isinstance(shown, Text) and printable(shown.plain) != shown.plain:
        return Text(printable(shown.plain), shown.style)
    return shown


def make_console(*, stderr: bool = False, quiet: bool = False) -> Console:
    """Prints text as it is: what users call their files may look like markup (``photo[1].jpg``)."""
    file = sys.stderr if stderr else sys.stdout
    while hasattr(file, "rich_proxied_file"):  # of Rich's progress bars, and of PrintableStream
        file = file.rich_proxied_file
    console = _PrintableConsole(file=file, stderr=stderr, quiet=quiet, markup=False, emoji=False, highlight=False)
    if console.width < _LEAST_WIDTH:
        console.width = _LEAST_WIDTH
    return console
