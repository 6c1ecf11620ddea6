"""Every JSON, TOML and CSV document is read here: size, nesting and numbers are limited before anything looks at it.

Nothing else in the package parses one (``tests/test_documents.py``). A mistake is a :class:`DocumentError`, which says
what is wrong and at which key; readers put the file's name before it. Needs the standard library only where no model is
involved: the emulated phones have no more.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import math
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn, TypeVar

from mobile_robust.errors import InputError, first_mistake

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from pydantic import BaseModel

M = TypeVar("M", bound="BaseModel")

#: The largest is a result: 10 repetitions of 5000 photos on 100 artifacts are 50 MB.
MOST_BYTES = 64 * 2**20
#: A recipe is a page; much of a TOML parser's work grows with the square of its length.
MOST_TOML_BYTES = 64 * 2**10
#: Objects and arrays inside each other.
MOST_DEPTH = 32
#: No number of ours needs more than 64 bits, that is 20 digits.
_MOST_DIGITS = 20
#: What no terminal, path or UTF-8 file can hold.
_NO_TEXT = re.compile("[\0\ud800-\udfff]")
#: ``a.b.c``, so long that it would be nested too deeply.
_DOTTED = re.compile(r"""(?:\.[ \t]{0,8}["']?[^.\n"'=\[\]{},#]{1,64}["']?)""" + f"{{{MOST_DEPTH}}}")


class DocumentError(InputError):
    """What is wrong with a document.

    Attributes:
        reason: In words.
        keys: Where, from the outermost to the innermost.
        line: Of the text, from 1, where it is known.
    """

    def __init__(self, reason: str, keys: tuple[str, ...] = (), line: int | None = None) -> None:
        super().__init__(f"{'.'.join(keys) or 'the file'}: {reason}")
        self.reason, self.keys, self.line = reason, keys, line


def read(path: Path, most: int | None = None) -> bytes:
    """A file's bytes; raises InputError where it cannot be read or is larger than ``most`` bytes (MOST_BYTES)."""
    most = most or MOST_BYTES
    try:
        # A named pipe that nobody writes to is empty, rather than awaited.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            os.set_blocking(file.fileno(), True)
            data = file.read(most + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise InputError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(data) > most:
        raise InputError(f"{path}: cannot be read: larger than the {most >> 10} KiB that are allowed")
    return data


def lines(path: Path, file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """(number from 1, line) of an open file of lines; raises InputError for a line that is too long."""
    number = 0
    while line := file.readline(MOST_BYTES + 1):
        number += 1
        if len(line) > MOST_BYTES:
            raise InputError(f"{path}, line {number}: longer than the {MOST_BYTES >> 10} KiB that are allowed")
        yield number, line


def parse_json(data: bytes | str) -> Any:
    """A JSON document.

    Raises:
        DocumentError: It is none, or nested too deeply; a number is not finite or longer than 64 bits, a key is there
            twice, or a text holds NUL.
    """
    (value,) = parse_each(data, most=1)
    return value


def parse_each(data: bytes | str, most: int | None = None) -> list[Any]:
    """JSON documents that follow each other, at least one; see :func:`parse_json`."""
    text = _text(data).lstrip()
    found: list[Any] = []
    try:
        while text or not found:
            if len(found) == most:
                raise DocumentError(f"not valid JSON: there is more behind its end: {_shown(text)}")
            value, end = _DECODER.raw_decode(text)
            found.append(_checked(value))
            text = text[end:].lstrip()
    except json.JSONDecodeError as error:
        reason = f"not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        raise DocumentError(reason, line=error.lineno) from None
    except RecursionError:
        raise _too_deep() from None
    return found


def parse_toml(data: bytes | str) -> dict[str, Any]:
    """A TOML document; raises DocumentError as :func:`parse_json` does."""
    text = _text(data)
    if dotted := _DOTTED.search(text):
        raise _too_deep(_line(text, dotted.start()))
    try:
        return _checked(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        match = re.search(r"at line (\d+)", str(error))
        raise DocumentError(f"not valid TOML: {error}", line=int(match[1]) if match else None) from None
    except ValueError:  # Python's own limit of an integer's digits
        number = re.search(r"\d[\d_]{999,}", text)
        line = _line(text, number.start()) if number else None
        raise DocumentError(f"an integer of more than {_MOST_DIGITS} digits", line=line) from None
    except RecursionError:
        raise _too_deep() from None


def validated(model: type[M], value: Any) -> M:
    """A parsed document as a model. A text where a number belongs is wrong even where it reads as one.

    Raises:
        ValidationError: pydantic's.
    """
    return model.model_validate_json(json.dumps(value), strict=True)


def parse_model(model: type[M], data: bytes | str) -> M:
    """A JSON document as a model; raises DocumentError for the first mistake."""
    return as_model(model, parse_json(data))


def as_model(model: type[M], value: Any) -> M:
    """:func:`validated`, which raises DocumentError for the first mistake."""
    from pydantic import ValidationError

    try:
        return validated(model, value)
    except ValidationError as error:
        where, _, reason = first_mistake(error).partition(": ")
        raise DocumentError(reason, () if where == "the file" else (where,)) from None


def read_json(path: Path, what: str) -> Any:
    """The JSON document in a file; raises InputError "PATH: not WHAT: …"."""
    data = read(path)
    try:
        return parse_json(data)
    except DocumentError as error:
        raise InputError(f"{path}: not {what}: {error}") from None


def read_model(path: Path, model: type[M], what: str) -> M:
    """The JSON document in a file as a model; raises InputError "PATH: not WHAT: …"."""
    value = read_json(path, what)
    try:
        return as_model(model, value)
    except DocumentError as error:
        raise InputError(f"{path}: not {what}: {error}") from None


def read_csv(path: Path, *columns: str) -> Iterator[tuple[int, list[str]]]:
    """(line of the file, texts of the columns) for every row of a CSV file whose first line names each column once, and
    perhaps others; raises InputError for any other file."""
    reader = csv.DictReader(io.StringIO(_utf8(path, read(path)), newline=""))
    try:
        header = list(reader.fieldnames or ())
        if any(header.count(column) != 1 for column in columns):
            given = ",".join(header)[:100]
            raise InputError(f"{path}: the first line must be {','.join(columns)}; it is {given!r}")
        for row in reader:
            yield reader.line_num, [row[column] or "" for column in columns]
    except csv.Error as error:
        raise InputError(f"{path}: cannot be read as CSV: {error}") from None


def _utf8(path: Path, data: bytes) -> str:
    try:
        return _text(data)
    except DocumentError as error:
        raise InputError(f"{path}: cannot be read as CSV: {error.reason}") from None


def _text(data: bytes | str) -> str:
    if isinstance(data, str):
        return data
    try:
        return data.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        raise DocumentError(f"not UTF-8: byte {error.start}", line=data.count(b"\n", 0, error.start) + 1) from None


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def _shown(text: str) -> str:
    return repr(text if len(text) <= 20 else text[:20] + "…")


def _too_deep(line: int | None = None, keys: tuple[str, ...] = ()) -> DocumentError:
    return DocumentError(f"nested more than {MOST_DEPTH} levels deep", keys, line)


def _integer(text: str) -> int:
    if len(text) > _MOST_DIGITS + 1:  # a sign
        raise DocumentError(f"an integer of {len(text)} digits; allowed are {_MOST_DIGITS}")
    return int(text)


def _constant(text: str) -> NoReturn:
    raise DocumentError(f"not valid JSON: {text} is no number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise DocumentError("is there twice", (_shown(twice),))
    return found


_DECODER = json.JSONDecoder(parse_int=_integer, parse_constant=_constant, object_pairs_hook=_object)


def _checked(value: Any, depth: int = 0) -> Any:
    """The value itself; raises DocumentError for what no document of ours holds, with its keys."""
    kind = type(value)
    if kind is int:
        if abs(value) >= 2**64:
            raise DocumentError("must be an integer of at most 64 bits")
    elif kind is str:
        if unusable := _NO_TEXT.search(value):
            raise DocumentError(f"must not hold the character {unusable[0]!a}")
    elif kind is float:
        if not math.isfinite(value):
            raise DocumentError(f"must be a finite number, got {value}")
    elif kind in (dict, list):
        if depth == MOST_DEPTH:
            raise _too_deep()
        key: Any = None
        try:
            for key, child in value.items() if kind is dict else enumerate(value):
                if kind is dict:
                    _checked(key)
                _checked(child, depth + 1)
        except DocumentError as error:
            raise DocumentError(error.reason, (_key(key), *error.keys)) from None
    elif value is not None and kind is not bool:
        raise DocumentError(f"must be text, a number, true or false, a list or a table; got a {kind.__name__}")
    return value


def _key(key: Any) -> str:
    return str(key) if _NO_TEXT.search(str(key)) is None else ascii(key)
