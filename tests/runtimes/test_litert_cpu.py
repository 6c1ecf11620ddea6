from __future__ import annotations

import numpy as np
import pytest

from mobile_robust.contracts.recipe import Tolerance
from mobile_robust.parity.metrics import check_tolerance, compare
from mobile_robust.runtimes.litert_cpu import LitertCpu
from mobile_robust.tflite import file as tflite_file


def run(path, inputs, **options):
    with LitertCpu().open(path, **options) as session:
        return session.predict(inputs)


@pytest.mark.parametrize(
    ("precision", "tolerance"),
    [
        ("fp32", Tolerance(max_error=1e-5)),
        ("fp16", Tolerance(max_error=5e-3)),
        ("int8", Tolerance(snr_db=25.0)),
        ("int8_borders", Tolerance(snr_db=25.0)),
    ],
)
@pytest.mark.parametrize("net", ["module", "pipeline"])
def test_equals_pytorch(request, net, precision, tolerance):
    made = request.getfixturevalue(net)
    got = run(made.files[precision], made.inputs)
    assert got.keys() == made.expected.keys()
    for name, expected in made.expected.items():
        assert got[name].dtype == np.float32
        assert check_tolerance(compare(expected, got[name]), tolerance, name) == []


def test_a_changed_weight_is_seen(module, edit):
    def change(model):
        weights = max(model.buffers, key=lambda buffer: 0 if buffer.data is None else len(buffer.data))
        weights.data = (weights.data.view(np.float32) * np.float32(1.01)).view(np.uint8)

    got = run(edit(module.files["fp32"], change), module.inputs)
    assert check_tolerance(compare(module.expected["repaired"], got["repaired"]), Tolerance(max_error=1e-5), "repaired")


def test_threads_and_repeated_runs_agree(module):
    session = LitertCpu().open(module.files["fp32"], threads=2)
    first, second = session.predict(module.inputs), session.predict(module.inputs)
    assert np.array_equal(first["repaired"], second["repaired"])
    assert np.allclose(first["repaired"], run(module.files["fp32"], module.inputs)["repaired"], atol=1e-6)


@pytest.mark.parametrize("precision", ["fp32", "int8_borders"])
def test_a_parsed_file_and_one_that_is_not_parsed_give_the_same(module, precision):
    path = module.files[precision]
    expected = run(path, module.inputs)["repaired"]
    assert np.array_equal(run(tflite_file.read(path), module.inputs)["repaired"], expected)
    with LitertCpu().load(path) as session:
        assert session.placement is None
        assert np.array_equal(session.predict(module.inputs)["repaired"], expected)


def test_placement_names_what_xnnpack_leaves(module, pipeline):
    placement = LitertCpu().open(module.files["fp32"]).placement
    assert placement.accelerator == "xnnpack"
    assert placement.total_ops == placement.placed_ops + len(placement.left_over)
    assert {line.split()[0] for line in placement.left_over} == {"RESIZE_NEAREST_NEIGHBOR"}
    assert LitertCpu().open(pipeline.files["fp32"]).placement.left_over == ()


def test_nothing_is_printed(module, capfd):
    run(module.files["fp32"], module.inputs)
    assert capfd.readouterr() == ("", "")
