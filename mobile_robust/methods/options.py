"""The options of a recipe that several methods read alike."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mobile_robust.errors import InputError, unknown


def known_only(method: str, options: dict[str, Any], known: Iterable[str]) -> None:
    """Raises InputError where a method has no such option."""
    known = list(known)
    for name in options:
        if name not in known:
            raise unknown(f"option of method {method}", name, known)


def variant_of(options: dict[str, Any], variants: Iterable[str], default: str) -> str:
    """The option ``variant``; whether there is one of that name is for the module to say.

    Raises:
        InputError: It is no text.
    """
    variant = options.get("variant", default)
    if not isinstance(variant, str):
        raise InputError(f"options.variant must be one of {', '.join(variants)}, got {variant!r}")
    return variant
