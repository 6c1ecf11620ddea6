"""Two files of trained weights against logits that were stored: a change of the toolchain that moves numbers shows.

The stored logits are of the versions in pyproject.toml's ranges; after a change that is meant, write them anew with
``python -m tests.test_golden``.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mobile_robust import convert, load_recipe
from mobile_robust.contracts.precisions import Precision
from mobile_robust.data.images import built_in_photos
from mobile_robust.export.override import override
from mobile_robust.runtimes.litert_cpu import LitertCpu
from tests.shared import built_once

pytestmark = pytest.mark.slow

RECIPE = "deepcorrect_cifar10_resnet20"
GOLDEN = Path(__file__).with_name("golden") / "cifar10_resnet20.json"
#: Precision -> largest allowed difference, as a share of the range of the logits.
TOLERANCES: dict[Precision, float] = {"fp32": 1e-4, "int8": 0.02}


def build(out: Path) -> None:
    """The recipe's TFLite files of the stored precisions, in ``out/RECIPE``."""
    convert(override(load_recipe(RECIPE), targets=["tflite"], precisions=list(TOLERANCES)), out)


def logits(out: Path, precision: Precision) -> NDArray[np.float32]:
    """What one file computes for the first built-in photo, shape 10."""
    (photo,) = built_in_photos((32, 32), 1)
    with LitertCpu().open(out / RECIPE / f"{RECIPE}_{precision}.tflite") as session:
        return session.predict({"image": photo[None].astype(np.float32)})["logits"][0]


@pytest.mark.parametrize("precision", TOLERANCES)
def test_the_logits_are_the_stored_ones(tmp_path_factory: pytest.TempPathFactory, precision: Precision) -> None:
    stored = np.array(json.loads(GOLDEN.read_text())[precision])
    found = logits(built_once(tmp_path_factory, "golden", build), precision)
    np.testing.assert_allclose(found, stored, rtol=0, atol=TOLERANCES[precision] * np.ptp(stored))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder))
        values = {name: [round(float(x), 5) for x in logits(Path(folder), name)] for name in TOLERANCES}
    GOLDEN.write_text(json.dumps(values, indent=1) + "\n")


if __name__ == "__main__":
    main()
