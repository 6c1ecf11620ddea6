"""Command-line flags out of a pydantic model: one definition of an option gives its flag, its checks and its text."""

from __future__ import annotations

import argparse
from collections.abc import Collection
from pathlib import Path
from types import NoneType
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from mobile_robust.errors import InputError

M = TypeVar("M", bound=BaseModel)

_METAVARS = {int: "N", Path: "FILE"}


def add_flags(parser: argparse.ArgumentParser, model: type[BaseModel], but: Collection[str] = ()) -> None:
    """A flag for every field but some: ``batch_size`` becomes ``--batch-size``."""
    for name, field in model.model_fields.items():
        if name in but:
            continue
        kinds = [kind for kind in get_args(field.annotation) or (field.annotation,) if kind is not NoneType]
        extra: dict[str, Any] = {"default": field.get_default()}
        if get_origin(field.annotation) is Literal:
            extra["choices"] = get_args(field.annotation)
        elif kinds[0] is bool:
            extra["action"] = "store_true"
        elif isinstance(kinds[0], type):
            extra |= {"type": kinds[0], "metavar": _METAVARS.get(kinds[0], name.split("_")[-1].upper())}
        parser.add_argument(f"--{name.replace('_', '-')}", help=field.description, **extra)


def parse_flags(options: argparse.Namespace, model: type[M]) -> M:
    """What the flags say; raises InputError for a value that the model refuses."""
    try:
        return model(**{name: getattr(options, name) for name in model.model_fields})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        flag = "--" + str(first["loc"][0]).replace("_", "-")
        raise InputError(f"{flag} {first['input']}: {first['msg'].removeprefix('Value error, ')}") from None
