"""The table of parity on a device."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mobile_robust.bench.device.parity import ParityCheck
from mobile_robust.parity.table import STYLES, SYMBOLS, tolerance_text, worst_text


def print_parity(checks: Sequence[ParityCheck], console: Console) -> None:
    """A table; below it every failure in full."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("parity on the device", no_wrap=True)
    table.add_column("runtime", no_wrap=True)
    table.add_column("photos", justify="right")
    table.add_column("worst error", justify="right", overflow="fold")
    table.add_column("tolerance", justify="right", overflow="fold")
    table.add_column("verdict", no_wrap=True)
    for check in checks:
        verdict = check.verdict
        marked = Text(f"{SYMBOLS[verdict.verdict]} {verdict.verdict}", style=STYLES[verdict.verdict])
        where = (check.run.artifact, verdict.runtime, str(check.photos))
        table.add_row(*map(Text, (*where, worst_text(verdict), tolerance_text(verdict.tolerance))), marked)
    console.print(table)
    for check in checks:
        for sentence in check.verdict.failures:
            console.print(Text.assemble((f"{check.run.artifact} on {check.verdict.runtime}: ", "bold red"), sentence))
