from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from mobile_robust.parity.layers.match import match
from mobile_robust.parity.layers.torch_layers import trace
from mobile_robust.parity.layers.walk import first_bad, walk
from mobile_robust.tflite import file as tflite_file
from tests.converted import TOLERANCES
from tests.parity.harm import layer_operations, reverse_weights

LAYERS = {
    "module": ["dct", "estimate", "down", "middle", "up"],
    "pipeline": ["stem.0", "depthwise.0", "project.0", "head", "classify"],
}


def walk_file(made, path, precision):
    return walk(path, made.model, made.inputs, made.model_inputs, TOLERANCES[precision])


@pytest.mark.slow
@pytest.mark.parametrize("precision", list(TOLERANCES))
@pytest.mark.parametrize("net", list(LAYERS))
def test_a_good_file_has_no_bad_layer(request, net, precision):
    made = request.getfixturevalue(net)
    reports = walk_file(made, made.files[precision], precision)
    assert first_bad(reports) is None
    assert sorted(r.name for r in reports[:-2]) == sorted(LAYERS[net])
    assert [r.name.split()[0] for r in reports[-2:]] == ["output", "output"]
    assert reports[-1].op == "XNNPACK"
    assert all(r.metrics is not None and r.failures == () for r in reports)
    assert all(r.isolated is not None for r in reports[:-2])


@pytest.mark.slow
@pytest.mark.parametrize("position", range(5))
@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
@pytest.mark.parametrize("net", list(LAYERS))
def test_the_corrupted_layer_and_no_other_is_named(request, edit, net, precision, position):
    made = request.getfixturevalue(net)
    good = made.files[precision]
    reports = walk_file(made, edit(good, reverse_weights(good, position)), precision)
    bad, corrupted = first_bad(reports), layer_operations(good)[position]
    assert (bad.index, bad.op) == (corrupted.index, corrupted.name)
    assert bad == reports[position]
    assert bad.failures[0].startswith(f"output of layer {bad.name} in isolation: worst at index")
    if precision != "int8":  # there the layers behind may leave their calibrated range
        assert [r.ok for r in reports[:-2]] == [r is not bad for r in reports[:-2]]
        assert not reports[-2].ok
        assert not reports[-1].ok


def test_of_two_corrupted_layers_the_first_is_first_bad(module, edit):
    good = module.files["fp32"]
    first, second = reverse_weights(good, 1), reverse_weights(good, 3)
    reports = walk_file(module, edit(good, lambda model: (first(model), second(model))), "fp32")
    assert [r.ok for r in reports[:5]] == [True, False, True, False, True]
    assert first_bad(reports).name == reports[1].name


def _resize(model):
    """The first nearest resize looks at other pixels."""
    for operator in model.subgraphs[0].operators:
        if operator.builtinOptionsType == schema.BuiltinOptions.ResizeNearestNeighborOptions:
            operator.builtinOptions.alignCorners = True
            return


def _last_addition(model):
    model.subgraphs[0].operators[-1].builtinOptions.fusedActivationFunction = schema.ActivationFunctionType.RELU6


@pytest.mark.parametrize(
    ("change", "name", "said"),
    [
        (_resize, "middle", ["the layers before are right", "RESIZE_NEAREST_NEIGHBOR", "CONCATENATION"]),
        (_last_addition, "output repaired", ["RESIZE_NEAREST_NEIGHBOR"]),
    ],
)
def test_a_bad_operation_between_or_after_the_layers_is_reported(module, edit, change, name, said):
    bad = first_bad(walk_file(module, edit(module.files["fp32"], change), "fp32"))
    assert bad.name == name
    assert all(word in bad.failures[0] for word in said)
    assert bad.isolated is None or bad.isolated.max_error < 1e-5 < bad.metrics.max_error


def test_not_finite_weights_are_named(module, edit):
    good = module.files["fp32"]
    broken = layer_operations(good)[2]

    def change(model):
        buffer = model.buffers[model.subgraphs[0].tensors[broken.inputs[1].index].buffer]
        data = buffer.data.view(np.float32).copy()
        data[0] = np.nan
        buffer.data = data.view(np.uint8)

    bad = first_bad(walk_file(module, edit(good, change), "fp32"))
    assert (bad.index, bad.metrics) == (broken.index, None)
    assert "not finite" in bad.failures[0]


def test_layers_match_without_names(pipeline, edit):
    """A file whose tensors are called by number: matched in order, by the shape of the weights."""

    def change(model):
        for i, tensor in enumerate(model.subgraphs[0].tensors):
            tensor.name = f"t{i}"

    path = edit(pipeline.files["fp32"], change)
    calls, _ = trace(pipeline.model, pipeline.model_inputs)
    assert [call.name for _, call in match(tflite_file.read(path), calls)] == LAYERS["pipeline"]


def test_names_win_over_order(module):
    """The order of calls in PyTorch may be another than the file's."""
    calls, _ = trace(module.model, module.model_inputs)
    file = tflite_file.read(module.files["int8"])
    for op, call in match(file, calls[::-1]):
        assert f"Conv2d_{call.name};" in op.inputs[1].name


def test_the_network_is_left_as_it_was(pipeline):
    model = pipeline.model
    model.train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    try:
        trace(model, pipeline.model_inputs)
        assert model.training
        assert all(tensor.equal(before[name]) for name, tensor in model.state_dict().items())
        assert not any(module._forward_hooks for module in model.modules())
    finally:
        model.eval()
