"""A new recipe as TOML."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any


def recipe_text(tables: Mapping[str, Mapping[str, Any]], comments: Mapping[str, Sequence[str]]) -> str:
    """Keys of the recipe itself (table "", which comes first), then its tables, each below its comment's lines. What is
    None or empty is left out."""
    parts = []
    for name, table in tables.items():
        if entries := _entries(table):
            comment = [f"# {line}" for line in comments.get(name, ())]
            title = [f"[{name}]"] if name else []
            parts.append("\n".join([*comment, *title, *entries]))
    return "\n\n".join(parts) + "\n"


def _entries(table: Mapping[str, Any]) -> list[str]:
    return [f"{key} = {_value(value)}" for key, value in table.items() if value is not None and value != {}]


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{_key(key)} = {_value(inner)}' for key, inner in value.items())} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    return json.dumps(value, ensure_ascii=False)  # of texts, numbers, true and false JSON is TOML
