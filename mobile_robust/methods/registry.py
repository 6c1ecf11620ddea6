"""All methods: every folder of ``methods/`` that has a ``method.py`` with a ``METHOD``. No list to keep."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError

from mobile_robust import methods as package
from mobile_robust.contracts.recipe import Recipe
from mobile_robust.errors import InputError, unknown
from mobile_robust.methods.method import Method, Options, PublishedLatency


@cache
def methods() -> Mapping[str, Method]:
    """Name -> method, sorted by name."""
    folders = {file.parent.name for folder in package.__path__ for file in Path(folder).glob("*/method.py")}
    found = [import_module(f"{package.__name__}.{name}.method").METHOD for name in folders]
    return MappingProxyType({method.name: method for method in sorted(found, key=lambda method: method.name)})


def method_of(recipe: Recipe) -> Method:
    """The method of a recipe; raises InputError where there is none of that name."""
    if recipe.method not in methods():
        raise unknown("method", recipe.method, methods())
    return methods()[recipe.method]


def options_of(recipe: Recipe) -> Options:
    """The options of a recipe; raises InputError for an unknown method, option or value."""
    method = method_of(recipe)
    try:
        return method.options.model_validate(recipe.options)
    except ValidationError as error:
        raise InputError("\n".join(message for _, message in option_errors(method, error))) from None


def option_errors(method: Method, error: ValidationError) -> list[tuple[list[str], str]]:
    """(keys, message) of every error in a method's options."""
    found = []
    for detail in error.errors(include_url=False):
        keys = [str(key) for key in detail["loc"]]
        if detail["type"] == "extra_forbidden":
            message = str(unknown(f"option of method {method.name}", keys[-1], method.options.model_fields))
        elif detail["type"] == "literal_error" and isinstance(detail["input"], str):
            known = _literals(method.options.model_fields[keys[0]].annotation)
            message = str(unknown(f"{method.name} {keys[0]}", detail["input"], known))
        else:
            reason = detail["msg"].removeprefix("Value error, ")
            message = f"{'.'.join(['options', *keys[:1]])}: {reason}, got {detail['input']!r}"
        found.append((keys, message))
    return found


def _literals(annotation: Any) -> tuple[str, ...]:
    """The values of a Literal, or of those inside an annotation."""
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return tuple(value for inner in get_args(annotation) for value in _literals(inner))


def published_latencies() -> dict[str, PublishedLatency]:
    """Recipe name -> published costs, of all methods."""
    return {name: latency for method in methods().values() for name, latency in method.latency.items()}


def peers() -> list[str]:
    """Recipes with published costs that repair nothing learned here: what the methods are timed beside."""
    return [name for method in reversed([*methods().values()]) if not method.training for name in method.latency]


def excluded() -> dict[str, str]:
    """What papers compare with and no recipe is made for -> why."""
    return {name: reason for method in methods().values() for name, reason in method.excluded.items()}
