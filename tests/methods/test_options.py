"""Options that several methods read alike."""

import pytest

from mobile_robust.errors import InputError
from mobile_robust.methods.options import known_only, variant_of


def test_options_are_read_or_refused() -> None:
    known_only("m", {"a": 1}, ["a", "b"])
    with pytest.raises(InputError, match="unknown option of method m 'c'; known: a, b"):
        known_only("m", {"a": 1, "c": 2}, ["a", "b"])
    assert variant_of({}, ["x", "y"], "y") == "y" and variant_of({"variant": "x"}, ["x", "y"], "y") == "x"
    with pytest.raises(InputError, match=r"options\.variant must be one of x, y, got 3"):
        variant_of({"variant": 3}, ["x", "y"], "y")
