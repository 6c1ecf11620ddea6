"""What commands print is text, not markup."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import mobile_robust
from mobile_robust.reporting.console import make_console


@pytest.mark.parametrize("name", ["w[/b]x", "photo[1].jpg", "[red]a", "a :smile: b", "\\[bold]"])
def test_names_are_printed_as_they_are(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    make_console().print(f"cannot read {name}", style="yellow")
    assert capsys.readouterr().out == f"cannot read {name}\n"


def test_no_command_has_a_console_that_reads_markup() -> None:
    found = [
        path.name
        for path in Path(mobile_robust.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Console"
    ]
    assert found == ["console.py"]
