"""Rankings for tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mobile_robust.contracts.ranking import Ranking


def write_ranking(path: Path, layers: Mapping[str, tuple[float, ...]]) -> Path:
    """A ranking with these correction priorities, as the command ``rank`` writes it."""
    ranking = Ranking(
        tool="test",
        backbone="test",
        weights="random",
        weights_sha256="0" * 64,
        size=(64, 64),
        images=1,
        images_sha256="0" * 64,
        labels="network",
        corruption="awgn",
        levels=(20,),
        seed=0,
        clean_accuracy=1,
        corrupted_accuracy=0,
        layers=dict(layers),
    )
    path.write_text(ranking.model_dump_json())
    return path
