"""What commands print is text, not markup."""

from __future__ import annotations

import pytest
from rich.text import Text

from mobile_robust.reporting.console import make_console
from mobile_robust.reporting.tables import Table


@pytest.mark.parametrize("name", ["w[/b]x", "photo[1].jpg", "[red]a", "a :smile: b", "\\[bold]"])
def test_names_are_printed_as_they_are(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    make_console().print(f"cannot read {name}", style="yellow")
    assert capsys.readouterr().out == f"cannot read {name}\n"


def test_what_a_file_says_is_shown_and_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    make_console().print(Text.assemble(("a\x1b[2J", "bold"), "\0b"), soft_wrap=True)
    make_console().print(Table.of(["na\x1bme"], [["a\x1b[31mb"], [Text("\x9bc", "red")]], ()).terminal())
    lines = [line.strip(" ─") for line in capsys.readouterr().out.splitlines()]
    assert [line for line in lines if line] == [r"a\x1b[2J\x00b", r"na\x1bme", r"a\x1b[31mb", r"\x9bc"]
