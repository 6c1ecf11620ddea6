"""Methods are found by their folders; and what papers publish is averaged over levels."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mobile_robust.contracts.recipe import Recipe
from mobile_robust.errors import InputError
from mobile_robust.methods.method import Options, Published
from mobile_robust.methods.registry import method_of, methods, options_of


def recipe(method: str, **options: object) -> Recipe:
    return Recipe(name="test", method=method, scope="module", options=options)


def test_every_folder_with_a_declaration_is_a_method() -> None:
    folder = Path(__file__).parents[2] / "mobile_robust" / "methods"
    assert set(methods()) >= {path.parent.name for path in folder.glob("*/method.py")} > {"afd", "none"}
    assert [*methods()] == sorted(methods())


def test_an_unknown_method_and_option_list_the_known() -> None:
    with pytest.raises(InputError, match=f"unknown method 'afdd'; known: {', '.join(methods())}"):
        method_of(recipe("afdd"))
    with pytest.raises(InputError, match="unknown option of method afd 'width'; known: variant"):
        options_of(recipe("afd", width=3))
    with pytest.raises(InputError, match="unknown baseline variant 'rdn'; known: arcnn, dncnn"):
        options_of(recipe("baseline", variant="rdn"))
    assert type(options_of(recipe("none"))) is Options


@pytest.mark.parametrize("broken", ["raise ValueError", "METHODS = 1"])
def test_a_broken_declaration_is_no_silent_one(tmp_path: Path, broken: str) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "method.py").write_text(broken)
    code = "from mobile_robust.methods.registry import methods; methods()"
    given = {**os.environ, "MOBILE_ROBUST_METHODS": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=given, capture_output=True, text=True, check=False)
    assert done.returncode and "mine" in done.stderr


def test_published_accuracies_on_average_over_levels() -> None:
    each = Published("n", "s", "jpeg", (25, 18, 7), 76.0, (60, 50, 10), (66, 62, 30))
    assert each.at((25,)) == (60, 66) and each.at((18, 7)) == (30, 46)
    assert each.at((25, 8)) is None
    mean = Published("n", "s", "fog", (1, 2, 3), 76.0, (40,), (50,))
    assert mean.at((3, 2, 1)) == (40, 50) and mean.at((1, 2)) is None
