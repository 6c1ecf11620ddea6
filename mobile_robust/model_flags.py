"""Command-line flags out of a pydantic model: one definition of an option gives its flag, its checks and its text."""

from __future__ import annotations

import argparse
from types import NoneType
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from mobile_robust.errors import InputError

M = TypeVar("M", bound=BaseModel)


def add_flags(parser: argparse.ArgumentParser, model: type[BaseModel]) -> None:
    """A flag for every field: ``batch_size`` becomes ``--batch-size``."""
    for name, field in model.model_fields.items():
        kinds = [kind for kind in get_args(field.annotation) or (field.annotation,) if kind is not NoneType]
        extra: dict[str, Any] = {}
        if get_origin(field.annotation) is Literal:
            extra["choices"] = get_args(field.annotation)
        elif isinstance(kinds[0], type):
            extra |= {"type": kinds[0], "metavar": "N" if kinds[0] is int else name.upper()}
        parser.add_argument(f"--{name.replace('_', '-')}", default=field.default, help=field.description, **extra)


def parse_flags(options: argparse.Namespace, model: type[M]) -> M:
    """What the flags say; raises InputError for a value that the model refuses."""
    try:
        return model(**{name: getattr(options, name) for name in model.model_fields})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        flag = "--" + str(first["loc"][0]).replace("_", "-")
        raise InputError(f"{flag} {first['input']}: {first['msg'].removeprefix('Value error, ')}") from None
