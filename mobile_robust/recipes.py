"""Reads recipes. People write them: every mistake is answered with the file, the line, the key and what is allowed."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from mobile_robust.contracts.recipe import Recipe, Tolerance
from mobile_robust.data.class_names import IMAGENET
from mobile_robust.documents import MOST_TOML_BYTES, DocumentError, parse_toml, read, validated
from mobile_robust.errors import InputError, unknown
from mobile_robust.methods.registry import method_of, option_errors

_PACKAGE = Path(__file__).resolve().parent
#: So many are said at once.
_MOST_MISTAKES = 10


def built_in_recipes() -> dict[str, Path]:
    """Name -> file of every built-in recipe, sorted by name."""
    installed = _PACKAGE / "conversion"  # from a wheel; in a checkout it is beside the package
    folder = installed if installed.is_dir() else _PACKAGE.parent / "conversion"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def load_recipe(name_or_path: str) -> Recipe:
    """Reads a recipe by built-in name or by path.

    A relative ``weights`` file in the recipe counts from the recipe's own folder.

    Raises:
        InputError: Unknown name, unreadable file, malformed TOML (with line), or a wrong key or value (with line).
    """
    path = Path(name_or_path)
    known = built_in_recipes()
    if name_or_path in known:
        path = known[name_or_path]
    elif path.suffix != ".toml" and not path.is_file():
        raise unknown("recipe", name_or_path, known)
    try:
        data = read(path, MOST_TOML_BYTES)
    except InputError as error:
        raise InputError(f"recipe {error}") from None
    text = data.decode(errors="replace")
    try:
        table = parse_toml(data)
    except DocumentError as error:
        if error.keys:
            raise InputError(f"{_located(path, text, list(error.keys))}: {_shortened(str(error))}") from None
        line = f", line {error.line}" if error.line else ""
        quoted = f": {_quoted(text.split(chr(10))[error.line - 1].strip())}" if error.line else ""
        raise InputError(f"recipe {path}{line}: {error.reason}{quoted}") from None
    table.setdefault("name", path.stem)
    try:
        recipe = validated(Recipe, table)
    except ValidationError as error:
        raise InputError(_explain(path, text, error)) from None
    _check_options(recipe, path, text)
    return _with_absolute_files(recipe, path.parent)


def shipped_weights(name: str) -> Path | None:
    """The file of this name that ships with the package; None: there is none."""
    path = _PACKAGE / "weights" / name
    return path if path.is_file() else None


def _with_absolute_files(recipe: Recipe, folder: Path) -> Recipe:
    backbone, weights = recipe.backbone, recipe.weights

    def absolute(name: str) -> str:
        return os.path.realpath(shipped_weights(name) or folder / name)

    if backbone and backbone.weights and not backbone.weights.startswith("timm:"):
        backbone = backbone.model_copy(update={"weights": absolute(backbone.weights)})
    if backbone and backbone.classes and backbone.classes != IMAGENET:
        backbone = backbone.model_copy(update={"classes": absolute(backbone.classes)})
    given = {"file": weights.file, "ranking": weights.ranking}
    weights = weights.model_copy(update={key: absolute(name) for key, name in given.items() if name})
    return recipe.model_copy(update={"backbone": backbone, "weights": weights})


def _check_options(recipe: Recipe, path: Path, text: str) -> None:
    """Raises InputError for an unknown method, or for options that it does not have, with their lines."""
    try:
        method = method_of(recipe)
    except InputError as error:
        raise InputError(f"{_located(path, text, ['method'])}: method: {error}") from None
    try:
        validated(method.options, recipe.options)
    except ValidationError as error:
        found = option_errors(method, error)
        lines = [
            f"{_located(path, text, ['options', *keys])}: {_shortened(message)}"
            for keys, message in found[:_MOST_MISTAKES]
        ]
        raise InputError(_joined(lines, len(found))) from None


def _located(path: Path, text: str, keys: list[str]) -> str:
    line = _line_of(text, keys)
    return f"{path}, line {line}" if line else str(path)


def _explain(path: Path, text: str, error: ValidationError) -> str:
    """All validation errors, one per line, each with the line of the file and the key."""
    details = error.errors(include_url=False)
    messages = []
    for detail in details[:_MOST_MISTAKES]:
        keys = [str(k) for k in detail["loc"]]
        message = detail["msg"].removeprefix("Value error, ")
        if detail["type"] == "extra_forbidden":
            message = str(unknown("key", keys[-1], _allowed_keys(keys[:-1])))
        elif detail["type"] != "missing":
            message += f", got {_quoted(detail['input'])}"
        key = _shortened(".".join(keys) or "recipe")
        messages.append(f"{_located(path, text, keys)}: {key}: {_shortened(message)}")
    return _joined(messages, len(details))


def _joined(lines: list[str], mistakes: int) -> str:
    more = [f"and {mistakes - len(lines)} more mistakes"] if mistakes > len(lines) else []
    return "\n".join([*lines, *more])


def _quoted(value: Any) -> str:
    return _shortened(repr(value), 100)


def _shortened(text: str, most: int = 1000) -> str:
    return text if len(text) <= most else f"{text[:most]}…"


def _allowed_keys(keys: list[str]) -> list[str]:
    """The field names of the (sub)model at a path of keys."""
    model: type[BaseModel] = Recipe
    for key in keys:
        if key == "tolerances":
            return list(Tolerance.model_fields)
        annotation = model.model_fields[key].annotation
        (model,) = (kind for kind in get_args(annotation) or (annotation,) if isinstance(kind, type(BaseModel)))
    return list(model.model_fields)


def _line_of(text: str, keys: list[str]) -> int | None:
    """The line a dotted key is on: the deepest key found inside its [table]; the table's own line otherwise."""
    best, table, depth = None, [], 0
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[\[?([^\[\]]+)\]", line):
            table = [key.strip().strip("\"'") for key in header[1].split(".")]
            found = table
        elif entry := re.match(r"\s*([\w.\"'-]+)\s*=", line):
            found = table + [key.strip("\"'") for key in entry[1].split(".")]
        else:
            continue
        if found == keys[: len(found)] and len(found) > depth:
            best, depth = number, len(found)
    return best
