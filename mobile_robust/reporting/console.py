"""The terminal, as every command writes to it."""

from __future__ import annotations

from rich.console import Console


def make_console(*, stderr: bool = False, quiet: bool = False) -> Console:
    """Prints text as it is: what users call their files may look like markup (``photo[1].jpg``)."""
    return Console(stderr=stderr, quiet=quiet, markup=False, emoji=False, highlight=False)
