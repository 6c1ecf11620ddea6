"""Whatever is in a document: its reader takes it or says in one message what is wrong with which file; nothing else."""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Iterator
from contextlib import suppress
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from mobile_robust import documents
from mobile_robust.bench.device.measure import measure_on_devices
from mobile_robust.contracts.manifest import read_manifest, write_manifest
from mobile_robust.errors import InputError
from mobile_robust.methods.deepcorrect.rank.priority import Counts
from mobile_robust.runtimes.emulator import sandbox
from mobile_robust.training import run as training
from mobile_robust.training.loop import Step
from tests.export.test_report import manifest
from tests.readers import LOG, OWN, READERS, RECIPE, Reader
from tests.test_imports import MODULES

PARSER = re.compile(
    r"\bjson\.loads?\(|\btomllib\b|\btomli\b|validate_json|JSONDecoder|raw_decode|pydantic_core|from json|\byaml\b"
    r"|csv\.(Dict)?[rR]eader"
)


def test_nothing_else_parses_documents() -> None:
    texts = {name.removeprefix("mobile_robust."): path.read_text(encoding="utf-8") for name, path in MODULES.items()}
    found = [name for name, text in texts.items() if PARSER.search(text) and name != "documents"]
    assert not found, "read documents with mobile_robust.documents"
    readers = {name for name, text in texts.items() if "mobile_robust.documents import" in text}
    assert readers == {reader.module for reader in READERS.values()} | OWN, "name the new reader above"


def damages(good: str) -> dict[str, bytes]:
    """Damaged forms of a document."""
    toml = good == RECIPE
    key = "x = " if toml else ""
    number = re.search(r"images = (4)" if toml else r'": ?(\d+(?:\.\d+)?)\b', good)
    assert number is not None

    def with_number(text: str) -> bytes:
        return (good[: number.start(1)] + text + good[number.end(1) :]).encode()

    return {
        "brackets": (key + "[" * 100_000).encode()[: 60_000 if toml else None],
        "closed brackets": (key + "[" * 20_000 + "]" * 20_000).encode(),
        "objects": b"a." * 20_000 + b"b = 1" if toml else b'{"a":' * 100_000,
        "5000 digits": with_number("1" * 5000),
        "10^30": with_number("1" + "0" * 30),
        "text for a number": with_number(f'"{number[1]}"'),
        "infinite": with_number("inf" if toml else "1e999"),
        "no number": with_number("nan" if toml else "NaN"),
        "NUL": good.encode().replace(b'"', b'"\0', 3),
        "escaped NUL": good.encode().replace(b'"', b'"\\u0000', 1),
        "not UTF-8": good.encode().replace(b'"', b'"\xff', 1),
        "UTF-16": good.encode("utf-16"),
        "truncated": good.encode()[: -max(3, len(good) // 3)] + (b'"' if toml else b""),
        "empty": b"" if not toml else b"\n",
        "another": b'method = "x"' if toml else b'{"a": 1}',
        "a list": b"[1]",
        "huge": b"",
        "folder": b"",
        "loop of links": b"",
    }


DAMAGES = tuple(damages(RECIPE))


def damage(path: Path, name: str, good: str) -> None:
    if name == "folder":
        path.mkdir()
    elif name == "loop of links":
        path.symlink_to(path)
    else:
        path.write_bytes(damages(good)[name])
        if name == "huge":
            os.truncate(path, documents.MOST_BYTES + 1)


@pytest.fixture(scope="module", params=READERS)
def reader(request: pytest.FixtureRequest) -> Reader:
    return READERS[request.param]


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_a_good_document_is_read(reader: Reader, tmp_path: Path, bom: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox.packages, "fingerprint", lambda: "x")
    monkeypatch.setattr(sandbox, "sha256", lambda path: "0")
    path = tmp_path / reader.name
    path.write_bytes(bom + reader.good.encode())
    if reader.module == "runtimes.coreml_mil.package":
        (tmp_path / "Data").mkdir()
        (tmp_path / "Data" / "m").touch()
    (tmp_path / "tree").mkdir()
    assert reader.read(path) is not None or reader.module == "export.workspace"


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_one_is_refused_by_name_or_made_again(
    reader: Reader, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox.packages, "fingerprint", lambda: "x")
    monkeypatch.setattr(documents, "MOST_BYTES", 2**20)
    path = tmp_path / reader.name
    damage(path, name, reader.good)
    if (reader.module, name) in {
        ("training.run", "folder"),  # refused before: the log could not be appended to
        ("training.run", "loop of links"),
        ("methods.deepcorrect.rank.progress", "loop of links"),  # no file: begun anew
        ("export.workspace", "text for a number"),  # nothing but the key counts
    }:
        return
    if reader.takes and name not in ("folder", "loop of links", "huge"):
        assert reader.read(path) is None
        return
    try:
        assert reader.read(path) is None
    except InputError as error:
        said = str(error)
    else:
        said = str(tmp_path) if reader.takes else "taken"
    assert str(tmp_path) in said and len(said) < 2000


def mutated(good: str, chance: random.Random) -> bytes:
    """A good document with one mistake."""
    data = bytearray(good.encode())
    kind = chance.randrange(5)
    if kind == 0:
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    elif kind == 1:
        del data[chance.randrange(len(data)) :]
    elif kind == 2:
        place = chance.randrange(len(data))
        data[place:place] = chance.choice([b"[" * 5000, b"9" * 5000, b"-", b"\0", b'"', b"1e999", b"\\ud800", b"{"])
    elif good == RECIPE:
        lines = good.splitlines()
        at = chance.randrange(len(lines))
        key = lines[at].partition("=")[0]
        lines[at] = f"{key}= {chance.choice(WRONG_TOML)}"
        return "\n".join(lines).encode()
    else:
        document = json.loads(good)
        holder, key = chance.choice(list(leaves(document)))
        if kind == 3:
            holder[key] = chance.choice(WRONG)
        elif isinstance(holder, dict):
            del holder[key]
        return json.dumps(document).encode()
    return bytes(data)


WRONG_TOML = [
    "9223372036854775807",
    "-1",
    '"7"',
    "[[]]",
    "{ a = { b = 1 } }",
    "1e400",
    "0xff",
    "true",
    "''",
    "1999-01-01",
]
WRONG: list[Any] = [2**62, -1, 0, "7", "", None, True, [], {}, [[[]]], {"a": {"b": []}}, 0.5, 1e308, "é" * 300, "../x"]


def leaves(value: Any) -> Iterator[tuple[Any, Any]]:
    """(what holds it, its key) of everything in a document."""
    for key, child in value.items() if isinstance(value, dict) else enumerate(value):
        yield value, key
        if isinstance(child, dict | list):
            yield from leaves(child)


@pytest.mark.parametrize("part", range(2))
def test_whatever_is_in_it(reader: Reader, part: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox.packages, "fingerprint", lambda: "x")
    chance = random.Random(f"{reader.module} {part}")
    path = tmp_path / reader.name
    for _ in range(25 if reader.good != RECIPE else 60):
        path.write_bytes(mutated(reader.good, chance))
        with suppress(InputError):
            reader.read(path)


def test_a_pipe_that_nobody_writes_to_is_empty(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p")
    assert documents.read(tmp_path / "p") == b""


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    written = write_manifest(manifest(), tmp_path)
    assert read_manifest(tmp_path) == written


def test_a_training_is_resumed_over_damaged_lines_of_its_log_and_says_so(tmp_path: Path) -> None:
    log = tmp_path / "w.jsonl"
    lines = [json.dumps({**LOG, "step": number, "more": 2.0}) for number in range(1, 7)]
    lines[1:4] = ["[" * 100_000, lines[2][:20], lines[3].replace("0.5", '"0.5"')]
    log.write_text("\n".join(lines) + '\n{"step": 9')
    console = Console(file=StringIO(), width=500)
    done = training._watch([Step(6, 0.1, 0.2, {"loss": 0.25, "more": 1.0})], 6, log, console)
    assert [step.step for step in done] == [1, 5, 6] and done[0].losses == {"loss": 0.5, "more": 2.0}
    assert [json.loads(line)["step"] for line in log.read_text().splitlines()] == [1, 5, 6]
    assert f"{log}: 3 of the 5 steps before the stop cannot be read" in console.file.getvalue()


def test_counts_that_do_not_fit_the_ranking_are_not_resumed() -> None:
    setup: Any = SimpleNamespace(count=3, levels=(1.0, 2.0), layers={"a": 2})
    good = {"expected": [1, 2, 3], "clean": 2, "corrupted": 4, "swapped": {"a": [1, 2]}, "done": {"a": 3}}
    assert Counts(**good).fits(setup) and Counts().fits(setup)
    wrong = [{"clean": -1}, {"corrupted": 7}, {"expected": [1] * 4}, {"done": {}}, {"done": {"a": -1}}]
    for change in (*wrong, {"swapped": {}}, {"swapped": {"a": [1]}}, {"swapped": {"a": [1, 7]}}):
        assert not Counts(**{**good, **change}).fits(setup)


def test_a_file_where_a_phones_folders_belong_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    nothing: Any = None
    with pytest.raises(InputError, match=r"^--out .*/file: cannot be made: File exists"):
        measure_on_devices(nothing, ["S"], nothing, [], nothing, nothing, tmp_path / "file")
