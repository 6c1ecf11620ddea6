"""The plan that devices are measured by."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobile_robust.bench.android.platform import ANDROID
from mobile_robust.bench.device.plan import MeasurementPlan, choose_models
from mobile_robust.bench.inputs import TestSets, describe, open_photos
from tests.bench.fakes import protocol


@pytest.fixture(scope="session")
def plan(pipeline_build: Path, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> MeasurementPlan:
    """Two files on the CPU of a phone, six photos, two repetitions."""
    chosen = open_photos(photos)
    models = choose_models(ANDROID, [pipeline_build], [], ["cpu"])
    sets = TestSets(chosen, tmp_path_factory.mktemp("sets"))
    quick = protocol(
        2, inputs=describe(chosen), warm_up_seconds=0, warm_up_runs=1, cool_down_seconds=0, pinned_cpus=None
    )
    return MeasurementPlan(ANDROID, models, [sets.of(model) for model in models], quick)
