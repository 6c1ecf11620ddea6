"""Whatever is in a document: its reader takes it or says in one message what is wrong with which file; nothing else."""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mobile_robust import documents
from mobile_robust.bench import accuracy
from mobile_robust.bench.device import monitor, session
from mobile_robust.bench.instructions import table
from mobile_robust.contracts.manifest import read_manifest, write_manifest
from mobile_robust.contracts.ranking import read_ranking
from mobile_robust.contracts.result import read_result
from mobile_robust.errors import InputError
from mobile_robust.evaluation.records import FILE, Records
from mobile_robust.export import workspace
from mobile_robust.files import resume_key
from mobile_robust.methods.deepcorrect.rank import progress
from mobile_robust.methods.deepcorrect.rank.priority import Counts
from mobile_robust.recipes import load_recipe
from mobile_robust.runtimes.coreml_mil import package
from mobile_robust.runtimes.emulator import sandbox
from mobile_robust.training import run as training
from tests.bench.fakes import protocol, result, run
from tests.contracts.test_job import DOCUMENT as JOB
from tests.contracts.test_ranking import RANKING
from tests.evaluation.fakes import flat_photos
from tests.export.test_report import manifest
from tests.test_imports import MODULES

RECIPE = """\
method = "sympie"
scope = "module"
title = "a title"
[input]
size = [64, 96]
range = 255
[quantization]
calibration_images = 8
[parity]
images = 4
[options]
variant = "sympie"
"""
SCORE = {"group": "g", "model": "m", "runtime": "r", "sha256": "0" * 64, "corruption": "all", "regained": 0.4}
COUNTS = {"profiles": {"armv9": {"a": {"total": 9, "kernels": {"k": 9}, "versions": {"l": "2"}}}}}
PACKAGE = {"rootModelIdentifier": "1", "itemInfoEntries": {"1": {"path": "m", "name": "model"}}, "fileFormatVersion": 1}
SANDBOX = {
    "tree_sha256": "0",
    "parts": [{"name": "a", "version": "1", "sha256": "2"}],
    "contents": "x",
    "number": 1,
}
PROGRESS = {"done": 1, "total": 2, "what": "load", "model": 0, "alive": 5}
LOG = {"step": 1, "rate": 0.1, "seconds": 0.2, "loss": 0.5}
LINE = {"from": 0, "seed": 0, "places": {"m": {"clean": "0129"}}, "unreadable": {"3": "broken"}}


@dataclass(frozen=True)
class Reader:
    """A reader: its module, a good document, and what is done with the file; ``takes``: a damaged one is None to it,
    and what it is for is made again."""

    module: str
    good: str
    read: Callable[[Path], object]
    takes: bool = False
    name: str = "document.json"


def of_phone(path: Path) -> object:
    """What the monitor makes of a phone's progress."""
    return monitor._read(SimpleNamespace(read_all=lambda *names: documents.read(path)), "0")[0]


def records(path: Path) -> object:
    photos = flat_photos(path.parent / "photos", 4)
    head = {"photos": 4, "sha256": resume_key([photos.digest, photos.labels])}
    line = path.read_bytes() if path.is_file() else None
    if line is not None and len(line) < 2**20:
        path.write_bytes(json.dumps(head).encode() + b"\n" + line.replace(b"\n", b"") + b"\n")
    with closing(Records(path.parent, photos, 0)) as found:
        return found.unreadable


def partial(path: Path) -> progress.Partial:
    return progress.Partial(path, {})


def job(path: Path) -> object:
    return session.DeviceSession._last_job(SimpleNamespace(_job_path=path))


READERS = {
    "recipe": Reader("recipes", RECIPE, lambda path: load_recipe(str(path)), name="recipe.toml"),
    "manifest": Reader(
        "contracts.manifest",
        manifest().model_dump_json(),
        lambda path: read_manifest(path.parent),
        name="manifest.json",
    ),
    "result": Reader(
        "contracts.result", result((run("resnet50", how=protocol(1)),), protocol(1)).model_dump_json(), read_result
    ),
    "ranking": Reader("contracts.ranking", RANKING.model_dump_json(), read_ranking),
    "scores": Reader(
        "bench.accuracy",
        json.dumps({"models": [SCORE], "scores": [{**SCORE, "regained_low": 0.3, "regained_high": None}]}),
        accuracy.read_scores,
    ),
    "counts": Reader("bench.instructions.table", json.dumps(COUNTS), table.read),
    "rank": Reader(
        "methods.deepcorrect.rank.progress",
        progress._Saved(key=progress.Partial(Path(), {})._key, counts=Counts(expected=[1])).model_dump_json(),
        lambda path: partial(path).read(),
    ),
    "package": Reader(
        "runtimes.coreml_mil.package",
        json.dumps(PACKAGE),
        lambda path: package._paths(path.parent),
        name="Manifest.json",
    ),
    "build": Reader(
        "export.workspace",
        '{"fingerprint": 1}',
        lambda path: workspace.refuse_foreign(path.parent),
        name="manifest.json",
    ),
    "answers": Reader("evaluation.records", json.dumps(LINE), records, name=FILE),
    "job": Reader("bench.device.session", json.dumps(JOB), job, takes=True),
    "app's result": Reader(
        "bench.device.session",
        result((run("resnet50", how=protocol(1)),), protocol(1)).model_dump_json(),
        lambda path: session._parsed(documents.read(path), None),
        takes=True,
    ),
    "app's progress": Reader("bench.device.monitor", json.dumps(PROGRESS), of_phone, takes=True),
    "log": Reader("training.run", json.dumps(LOG), lambda path: training._earlier(path, 9) or None, takes=True),
    "sandbox": Reader(
        "runtimes.emulator.sandbox",
        json.dumps(SANDBOX),
        lambda path: sandbox._read.__wrapped__(path.parent)[0],
        takes=True,
        name="manifest.json",
    ),
}
#: Read what this very program has just written: messages between its processes, a recipe on its way to one; a word of a
#: command line.
OWN = {
    "runtimes.process",
    "runtimes.emulator.runtime",
    "bench.host.session",
    "bench.host.worker",
    "evaluation.predictors",
    "methods.deepcorrect.rank.cli",
}
PARSER = re.compile(
    r"\bjson\.loads?\(|\btomllib\b|\btomli\b|validate_json|JSONDecoder|raw_decode|pydantic_core|from json|\byaml\b"
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
    write_manifest(manifest(), tmp_path)
    assert read_manifest(tmp_path) == manifest()
