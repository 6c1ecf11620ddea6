"""A ranking in words that DeepCorrect takes: local, global, ties by index."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobile_robust.contracts.ranking import Ranking, read_ranking
from mobile_robust.errors import InputError

RANKING = Ranking(
    tool="mobile-robust 0",
    backbone="b",
    weights="w",
    weights_sha256="0",
    size=(32, 32),
    images=3,
    images_sha256="1",
    labels="network",
    corruption="awgn",
    levels=(5, 10),
    seed=0,
    clean_accuracy=1.0,
    corrupted_accuracy=0.5,
    layers={"z": (0.0, 0.25, -0.5, 0.25), "a": (0.25, 0.5)},
)


def test_orders_have_the_worst_first_and_ties_by_index() -> None:
    assert RANKING.orders() == {"z": [1, 3, 0, 2], "a": [1, 0]}


@pytest.mark.parametrize(
    ("total", "chosen"),
    [
        (0, {"z": [], "a": []}),
        (1, {"z": [], "a": [1]}),
        (3, {"z": [1, 3], "a": [1]}),  # a tie of three goes to the earlier layer
        (4, {"z": [1, 3], "a": [1, 0]}),
        (9, {"z": [1, 3, 0, 2], "a": [1, 0]}),
    ],
)
def test_the_global_ranking_is_over_all_layers(total: int, chosen: dict[str, list[int]]) -> None:
    assert RANKING.global_(total) == chosen


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "ranking.json"
    path.write_text(RANKING.model_dump_json())
    assert read_ranking(path) == RANKING
    assert list(read_ranking(path).layers) == ["z", "a"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not a ranking of schema version 1: the file: "),
        ("{}", "not a ranking of schema version 1: tool: Field required"),
        (
            RANKING.model_dump_json().replace('"schema_version":1', '"schema_version":2'),
            "schema_version: Input should be 1",
        ),
        (RANKING.model_copy(update={"layers": {}}).model_dump_json(), "at least one layer is needed"),
        (RANKING.model_copy(update={"layers": {"a": ()}}).model_dump_json(), "at least one layer is needed"),
    ],
)
def test_anything_else_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "ranking.json"
    path.write_text(text)
    with pytest.raises(InputError, match=f"ranking.json: .*{said}"):
        read_ranking(path)
    with pytest.raises(InputError, match="gone.json: cannot be read"):
        read_ranking(tmp_path / "gone.json")
