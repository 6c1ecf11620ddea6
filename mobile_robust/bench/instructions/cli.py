"""Command line of ``mobile-robust bench arm64``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from mobile_robust.contracts.precisions import precisions_of
from mobile_robust.reporting.console import make_console
from mobile_robust.reporting.tables import Column, Table
from mobile_robust.runtimes.emulator.profiles import PROFILES

if TYPE_CHECKING:
    from mobile_robust.bench.instructions.table import Change, InstructionCount

_EXAMPLES = """examples:
  mobile-robust bench arm64 build/afd_mobilenetv2 --precision int8
  mobile-robust bench arm64 build/* --profile armv9 --check counts.json
  mobile-robust bench arm64 build/* --update counts.json

Executed instructions of one warm inference in one thread, on LiteRT's ARM64 kernels under QEMU: the same on any machine
at any load. A count is not a latency: it knows nothing of memory, caches, clocks, or of what an instruction costs.
fp16 files compute in half precision here. Needs mobile-robust arm64 setup, and gcc.
Exit code: 0 done, 1 a count has grown by more than 2 % or is not in the table (--check), 2 bad input.
"""
_MOST_ROWS = 8


def add_arm64(arm64: argparse.ArgumentParser) -> None:
    """The options."""
    arm64.set_defaults(run=run)
    arm64.formatter_class, arm64.epilog = argparse.RawDescriptionHelpFormatter, _EXAMPLES
    add = arm64.add_argument
    add("builds", nargs="+", type=Path, metavar="DIR", help="folder of a finished build, or one TFLite file in one")
    add("--precision", nargs="+", choices=precisions_of("tflite"), default=[], help="only these (default: all)")
    add("--profile", choices=tuple(PROFILES), default="snapdragon-865", help="phone (%(default)s)")
    table = arm64.add_mutually_exclusive_group()
    table.add_argument("--check", type=Path, metavar="FILE", help="fail where a count has outgrown this table's")
    table.add_argument("--update", type=Path, metavar="FILE", help="put the counts into this table")


def run(options: argparse.Namespace) -> int:
    """Runs the command; 1 where a count is more than the table allows."""
    from mobile_robust.bench.instructions import table
    from mobile_robust.bench.instructions.count import count_instructions

    console, code = make_console(), 0
    allowed = table.read(options.check) if options.check else None
    if options.update and options.update.exists():
        table.read(options.update)  # not only after the counting
    with make_console(stderr=True).status("") as status:

        def notify(file: str) -> None:
            status.update(f"counting on {options.profile}: {file}")

        counts = count_instructions(options.builds, options.precision, options.profile, notify)
    versions = table.versions_text(counts[0][1].versions)
    what = f"Executed instructions of one warm inference, {options.profile}, {versions}."
    console.print(what)
    if allowed is not None:
        code = _print_changes(table.compare(counts, allowed, options.profile), options.check, console)
    else:
        _print_kernels(counts, console)
    if options.update:
        table.update(options.update, counts, options.profile)
        console.print(Text(str(options.update)), soft_wrap=True)
    console.print("A count is not a latency.", style="bold")
    return code


def _print_kernels(counts: Sequence[tuple[str, InstructionCount]], console: Console) -> None:
    for artifact, count in counts:
        shown = list(count.kernels.items())[:_MOST_ROWS]
        shown.append(("the rest", count.total - sum(number for _, number in shown)))
        rows = [(name, f"{number:,}", f"{number / count.total:.1%}") for name, number in shown]
        columns = Column("kernel", "left", fold=True), Column("instructions"), Column("share")
        console.print(Table(columns, rows, f"{artifact}: {count.total:,}").terminal())


def _print_changes(changes: Sequence[Change], path: Path, console: Console) -> int:
    rows = []
    for change in changes:
        before, growth = change.before, change.growth
        was, grown = (f"{before.total:,}", f"{growth:+.2%}") if before and growth is not None else ("—", "—")
        rows.append((change.artifact, f"{change.now.total:,}", was, grown))
    columns = Column("artifact", "left", fold=True), Column("instructions"), Column("table"), Column("change")
    console.print(Table(columns, rows).terminal())
    failures = [change.failure for change in changes if change.failure]
    for failure in failures:
        console.print(Text(failure, "red"), soft_wrap=True)
    if failures:
        console.print(Text(f"where this is meant to be so: --update {path}"), soft_wrap=True)
    return 1 if failures else 0
