from __future__ import annotations

import numpy as np
import pytest

from mobile_robust.contracts.recipe import Tolerance
from mobile_robust.parity.metrics import check_tolerance, compare
from mobile_robust.runtimes.litert_cpu import LitertCpu
from mobile_robust.tflite import file as tflite_file


def run(path, inputs, **options):
    with LitertCpu().open(path, **options) as session:
        return session.predict(inputs)["repaired"]


def test_a_changed_weight_is_seen(module, edit):
    def change(model):
        weights = max(model.buffers, key=lambda buffer: 0 if buffer.data is None else len(buffer.data))
        weights.data = (weights.data.view(np.float32) * np.float32(1.01)).view(np.uint8)

    got = run(edit(module.files["fp32"], change), module.inputs)
    assert check_tolerance(compare(module.expected["repaired"], got), Tolerance(max_error=1e-5), "repaired")


def test_threads_agree(module):
    path = module.files["fp32"]
    assert np.allclose(run(path, module.inputs, threads=2), run(path, module.inputs), atol=1e-6)


@pytest.mark.parametrize("precision", ["fp32", "int8_io"])
def test_a_parsed_file_and_one_that_is_not_parsed_give_the_same(module, precision):
    path = module.files[precision]
    expected = run(path, module.inputs)
    assert np.array_equal(run(tflite_file.read(path), module.inputs), expected)
    with LitertCpu().load(path) as session:
        assert session.placement is None
        assert np.array_equal(session.predict(module.inputs)["repaired"], expected)


def test_placement_names_what_xnnpack_leaves(module, pipeline):
    placement = LitertCpu().open(module.files["fp32"]).placement
    assert placement.accelerator == "xnnpack"
    assert placement.total_ops == placement.placed_ops + len(placement.left_over)
    assert {line.split()[0] for line in placement.left_over} == {"RESIZE_NEAREST_NEIGHBOR"}
    assert LitertCpu().open(pipeline.files["fp32"]).placement.left_over == ()
