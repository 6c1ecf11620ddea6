"""A new recipe as TOML."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any


def recipe_text(head: Mapping[str, Any], tables: Mapping[str, Mapping[str, Any]], comments: Mapping[str, str]) -> str:
    """Keys of the recipe itself, then its tables; ``comments`` stand above a table, or "" above all. What is None or
    empty is left out."""
    lines = [*_comment(comments.get("", "")), *_entries(head)]
    for name, table in tables.items():
        if entries := _entries(table):
            lines += ["", *_comment(comments.get(name, "")), f"[{name}]", *entries]
    return "\n".join(lines) + "\n"


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in text.splitlines()]


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
