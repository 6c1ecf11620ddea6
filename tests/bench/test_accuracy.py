"""Scores are of files that somebody may have edited."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mobile_robust.bench.accuracy import read_scores
from mobile_robust.errors import InputError
from tests.readers import READERS


@pytest.mark.parametrize("key", ["regained", "regained_low", "regained_high"])
@pytest.mark.parametrize("value", [1e308, -1001])
def test_a_fraction_that_no_plot_can_show_is_refused(tmp_path: Path, key: str, value: float) -> None:
    document = json.loads(READERS["scores"].good)
    document["scores"][0][key] = value
    (tmp_path / "scores.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match=rf"^--scores .*scores\.json: not a .*: scores\.0\.{key}"):
        read_scores(tmp_path / "scores.json")
