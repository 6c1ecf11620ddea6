"""What a device has printed, which may be anything, as numbers and lines for people."""

from __future__ import annotations

import re


def parse_number(text: str | None) -> int | None:
    """A whole number that a phone has printed; None where it is none, or has more digits than 64 bits can hold."""
    return int(text) if text is not None and re.fullmatch(r"[0-9]{1,18}", text) else None


def parse_line(text: str, most: int = 200) -> str:
    """What a phone has printed as one line for people: control characters are blanks, what is too long is cut off."""
    return " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * most]).split())[:most]
