"""What every kind of file's converter must do: write a file whose description is the one that it returns."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobile_robust.contracts.precisions import PRECISIONS, Precision, precisions_of
from mobile_robust.contracts.targets import TARGETS, Target
from mobile_robust.contracts.tensors import Role
from mobile_robust.export.rounding import Rounder
from mobile_robust.export.targets.base import converter
from tests.converted import TinyModule, randomized
from tests.export.targets.tiny import SHAPES, source

#: A build of all precisions is made once for all tests; here one of each target is quick.
EACH = [
    pytest.param(target, name, marks=[] if PRECISIONS[name].chosen_with or name == "int8" else pytest.mark.slow)
    for target in TARGETS
    for name in precisions_of(target)
]


@pytest.mark.slow
@pytest.mark.parametrize(("target", "precision"), EACH)
def test_a_file_is_described_as_when_it_was_written(target: Target, precision: Precision, tmp_path: Path) -> None:
    origin = source()
    network = Rounder(randomized(TinyModule), origin.calibration).network(precision)
    path = tmp_path / f"tiny{TARGETS[target].suffix}"
    made = converter(target)(origin)
    converted = made.convert(network, PRECISIONS[precision], path)
    read = made.inspect(path)
    assert (read.inputs, read.outputs, read.operations) == (converted.inputs, converted.outputs, converted.operations)
    assert path.exists() and Path(converted.file) == path
    assert [tensor.name for tensor in read.inputs] == list(SHAPES)
    assert [(tensor.name, tensor.role, tensor.repairs) for tensor in read.outputs] == [
        ("repaired", Role.FEATURES, "features")
    ]
    layout = TARGETS[target].layout
    for tensor in read.inputs:
        batch, channels, *sides = SHAPES[tensor.name]
        expected = (batch, channels, *sides) if layout == "NCHW" else (batch, *sides, channels)
        assert (tensor.shape, tensor.layout) == (expected, layout)
    assert sum(read.operations.values()) > 5
    assert list(tmp_path.iterdir()) == [path], "something was left beside the file"
