"""A Ray cluster of two nodes, here local processes, predicts what one process does, and survives the loss of a node."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import fsspec
import pytest

from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.data.storage import StoredPath
from mobile_robust.errors import InputError
from mobile_robust.evaluation import cluster, models
from mobile_robust.evaluation.cli import main
from mobile_robust.evaluation.connection import connected, cpus
from mobile_robust.evaluation.measure import Evaluator, Predictions
from mobile_robust.evaluation.models import Model
from mobile_robust.evaluation.records import FILE, Records
from mobile_robust.evaluation.settings import CLEAN
from tests.evaluation.fakes import BASELINE, dying, dying_once, flat_photos, model, refusing, slow

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def nodes() -> Iterator[Any]:
    """A cluster whose nodes are processes here, the head with one CPU; its address is that of none other."""
    if "ray" not in os.environ.get("MOBILE_ROBUST_REQUIRE", "").split(","):
        pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    small = {"object_store_memory": 80 << 20, "include_dashboard": False}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]))
        started = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, **small})
        yield started
        started.shutdown()


def test_a_node_is_lost_and_the_scores_are_those_of_one_process(
    nodes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    photos, alone, spread = flat_photos(tmp_path / "photos", 10).folder, tmp_path / "alone", tmp_path / "spread"
    (photos / "3.png").write_text("broken")
    words = ["b", "--images", str(photos), "--corruption", "jpeg", "fog", "awgn", "--out"]

    def measure(out: Path, opened: Any, *more: str) -> dict[str, Any]:
        monkeypatch.setattr(models, "resolve", lambda *arguments: [BASELINE, model("int8", opened, "afd")])
        assert main([*words, str(out), *more]) == 0
        document: dict[str, Any] = json.loads((out / "scores.json").read_text())
        assert document.pop("date")
        return document

    whole = measure(alone, model("int8").open, "--jobs", "1")
    spread.mkdir()
    (spread / FILE).write_bytes(b"".join((alone / FILE).read_bytes().splitlines(keepends=True)[:3]))  # as if stopped
    second = nodes.add_node(num_cpus=2, object_store_memory=80 << 20)

    def lose() -> None:
        deadline = time.monotonic() + 120
        while not (marks / second.node_id).exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        nodes.remove_node(second, allow_graceful=False)

    losing = threading.Thread(target=lose)
    losing.start()
    found = measure(spread, partial(slow, marks), "--ray", nodes.address)
    losing.join()
    assert found == whole and (spread / "scores.csv").read_bytes() == (alone / "scores.csv").read_bytes()
    assert (marks / second.node_id).exists() and len(list(marks.iterdir())) == 2  # both nodes took part
    assert "predictions are in" in capsys.readouterr().err.replace("\n", " ")


def test_what_goes_wrong_on_a_node(nodes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photos = flat_photos(tmp_path / "photos", 8)  # one batch

    def predict(one: Model, photos: PhotoDataset = photos) -> Predictions:
        batches = Records(None, photos, 3).missing([one], [CLEAN])
        ((_, found),) = cluster.predict_on_cluster(Evaluator([one], photos, 3), batches)
        return found

    def fails(message: str, *about: Any) -> None:
        with pytest.raises(InputError, match=message):
            predict(*about)

    with connected(nodes.address):
        deadline = time.monotonic() + 120
        while cpus() > 1 and time.monotonic() < deadline:  # until the head has seen that a node is gone
            time.sleep(0.1)
        assert cpus() == 1 and predict(model("once", partial(dying_once, tmp_path))).ranks == {(0, CLEAN): "0" * 8}
        assert (tmp_path / "died").exists()
        fails(r"^node [\d.]+: x\.tflite: truncated$", model("refusing", refusing))
        monkeypatch.setattr(cluster, "_RETRIES", 1)
        fails("^--ray: a batch was lost 2 times: .*kept in --out.*fewer CPUs a node$", model("dying", dying))

        storage = fsspec.filesystem("memory")  # that of this process, empty in those of the nodes
        storage.pipe_file("/flat/0.png", photos.paths[0].read_bytes())
        stored = PhotoDataset(StoredPath("memory://flat"), tuple(StoredPath("memory://flat").files()), (0,))
        fails(r"^memory://flat/0\.png: cannot be read: FileNotFoundError", BASELINE, stored)

        with monkeypatch.context() as patch:
            patch.setattr(cluster, "tools", lambda: {"numpy": "0.1"})
            fails(r"has numpy [\d.]+, this command numpy 0\.1, so scores might differ", BASELINE)
        (tmp_path / "photos" / "1.png").write_text("broken")
        found = predict(BASELINE)
        assert found.ranks[0, CLEAN][:3] == "090" and "not an image" in found.unreadable[1]
        monkeypatch.setattr(Evaluator, "readable", lambda self, index: photos.paths[index])  # as where it is not broken
        fails(r"1\.png: not an image: .*, but the node of this command can read it", BASELINE)
