"""The card beside a weights file, FILE.md, as far as programs read it: the rows of its first table."""

from __future__ import annotations

import re
from pathlib import Path

from mobile_robust.files import sha256

#: The rows that are read: what a module was trained for, and the file that a backbone's file is a part of.
ROWS = BACKBONE, WHOLE_FILE = "backbone", "whole file"
#: A card is a page or two.
MOST_BYTES = 1 << 20
_HASH = re.compile(r"\b[0-9a-f]{64}\b")
_ROW = re.compile(r"\|([^|]+)\|(.*)\|\s*")


def card_of(weights: Path) -> Path:
    """Where the card of a weights file lies."""
    return weights.with_suffix(".md")


def hashes(weights: Path, row: str) -> frozenset[str]:
    """The hex SHA-256 in one row of a file's card; none where there is no such row or card, or where the card says of
    itself, in a row SHA-256, that it is another file's.
    """
    rows = _rows(card_of(weights))
    own = _HASH.findall(rows.get("SHA-256", ""))
    if row not in rows or (own and sha256(weights) not in own):
        return frozenset()
    return frozenset(_HASH.findall(rows[row]))


def _rows(card: Path) -> dict[str, str]:
    """Of the first table, by name; none where the card is missing, or no text."""
    try:
        with card.open("rb") as file:
            lines = file.read(MOST_BYTES).decode("utf-8", "replace").splitlines()
    except (OSError, ValueError):
        return {}
    rows: dict[str, str] = {}
    for line in lines:
        if found := _ROW.fullmatch(line):
            rows.setdefault(found[1].strip(), found[2])
        elif rows:
            break
    return rows
