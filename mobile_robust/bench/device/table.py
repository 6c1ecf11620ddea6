"""The table of parity on a device."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from mobile_robust.bench.device.parity import ParityCheck
from mobile_robust.parity.table import tolerance_text, verdict_cell, worst_text
from mobile_robust.reporting.tables import Column, Table

_COLUMNS = (
    Column("parity on the device", "left"),
    Column("runtime", "left"),
    Column("photos"),
    Column("worst error", fold=True),
    Column("tolerance", fold=True),
    Column("verdict", "left"),
)


def print_parity(checks: Sequence[ParityCheck], console: Console) -> None:
    """A table; below it every failure in full."""
    rows: list[list[str | Text]] = []
    failures = []
    for check in checks:
        verdict = check.verdict
        measured, allowed = worst_text(verdict), tolerance_text(verdict.tolerance)
        cell = verdict_cell(verdict.verdict)
        rows.append([check.run.artifact, verdict.runtime, str(check.photos), measured, allowed, cell])
        where = f"{check.run.artifact} on {verdict.runtime}: "
        failures += [Text.assemble((where, "bold red"), sentence) for sentence in verdict.failures]
    console.print(Table(_COLUMNS, rows).terminal())
    for failure in failures:
        console.print(failure)
