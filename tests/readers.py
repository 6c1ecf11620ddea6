"""Every reader of documents in the package, with a good document for each; a new one is named here."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

from mobile_robust import documents
from mobile_robust.bench import accuracy
from mobile_robust.bench.device import monitor, session
from mobile_robust.bench.instructions import table
from mobile_robust.contracts.manifest import read_manifest
from mobile_robust.contracts.ranking import read_ranking
from mobile_robust.contracts.result import read_result
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
MODEL = {"group": "g", "model": "m", "runtime": "r", "sha256": "0" * 64}
SCORE = {**MODEL, "corruption": "all", "regained": 0.4}
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
        json.dumps({"models": [MODEL], "scores": [{**SCORE, "regained_low": 0.3, "regained_high": None}]}),
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
        lambda path: session._parsed(documents.read(path), None, "0"),
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
    "runtimes.litert_cpu",
    "bench.host.session",
    "bench.host.worker",
    "bench.host.pairs",
    "runtimes.snapdragon_npu.worker",
    "evaluation.predictors",
    "export.costs",
    "methods.deepcorrect.rank.cli",
    "bench.ios.devicectl",  # what a program answers, for tests/bench/ios/
    "bench.ios.diagnose",  # crash logs, for tests/bench/ios/
    "new_recipe.choice",  # the recipe that it wrote itself
    "data.images",  # bytes alone, of what is no regular file
    "data.class_names",  # lines, for tests/data/test_class_names.py
    "data.labels",  # a CSV file, for tests/data/test_labels.py
    "evaluation.mce",  # a CSV file, for tests/evaluation/test_mce.py
    "training_record",  # in the header of a weights file: damaged in tests/test_training_record.py
}
