"""A recipe as TOML, read again."""

from __future__ import annotations

from mobile_robust.documents import parse_toml
from mobile_robust.new_recipe.text import recipe_text


def test_what_is_written_is_read_and_what_is_none_is_left_out() -> None:
    odd = 'a "b" \\ é\t\u202e'
    backbone = {"name": odd, "options": {"a": 1e-3, "b c": "same", "d": True}, "layer": None}
    text = recipe_text(
        {"": {"title": odd}, "options": {"x": None}, "backbone": backbone, "input": {"mean": (0.5, 0.5)}},
        {"": ["a", "b"], "input": ["c"], "options": ["d"]},
    )
    assert parse_toml(text) == {
        "title": odd,
        "backbone": {"name": odd, "options": {"a": 1e-3, "b c": "same", "d": True}},
        "input": {"mean": [0.5, 0.5]},
    }
    assert text.startswith("# a\n# b\ntitle") and "\n\n# c\n[input]\n" in text
    assert "[options]" not in text and "# d" not in text
