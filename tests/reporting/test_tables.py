"""Names from files in the written forms of a table: they stay names."""

from __future__ import annotations

import csv
import io

import pytest
from rich.text import Text

from mobile_robust.reporting.tables import Table, csv_text, markdown_text


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a|b", r"a\|b"),
        ("a\nb\r\nc", "a b c"),
        ("<b>*a*\\", r"\<b>\*a\*\\"),
        ("\x1b[31m\0\udcff", r"\\x1b\[31m\\x00\\xff"),
        ("![a](http://b)", r"!\[a](http://b)"),
        ("afd_nano ± 0.3", "afd_nano ± 0.3"),
    ],
)
def test_a_cell_stays_one_cell_of_markdown(name: str, shown: str) -> None:
    assert markdown_text(name) == shown
    assert Table.of([name], [[name], [Text(name)]]).markdown() == f"| {shown} |\n| --- |\n| {shown} |\n| {shown} |"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@x", "'@x"),
        ("\t=1", "'\t=1"),
        ("a=1", "a=1"),
        ('a,"b"\nc', 'a,"b"\nc'),
        ("\x1b\0\udcff", r"\x1b\x00\xff"),
    ],
)
def test_a_cell_of_csv_is_no_formula(name: str, shown: str) -> None:
    (row,) = csv.DictReader(io.StringIO(csv_text([{"model": name, "gain": -0.5, "level": None}]), newline=""))
    assert row == {"model": shown, "gain": "-0.5", "level": ""}
