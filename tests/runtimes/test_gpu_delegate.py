from __future__ import annotations

import pytest
from ai_edge_litert import schema_py_generated as schema

from mobile_robust.errors import InputError
from mobile_robust.runtimes.gpu_delegate import RUNTIMES, check_op_table


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8", "int8_borders"])
def test_the_deploy_form_is_in_the_table(module, pipeline, precision):
    for made in (module, pipeline):
        result = check_op_table(made.files[precision])
        assert (result.runtime, result.verdict, result.failures, result.metrics) == (RUNTIMES[0].name, "pass", (), {})
        assert result.placement.placed_ops == result.placement.total_ops > 5


def test_an_operation_that_the_delegate_lacks(awkward):
    result = check_op_table(awkward["xor"])
    assert result.verdict == "fail"
    assert [line.split()[0] for line in result.placement.left_over] == ["BITWISE_XOR"]
    assert "the delegate has no BITWISE_XOR" in result.failures[0]
    assert result.placement.placed_ops == result.placement.total_ops - 1


@pytest.mark.parametrize(
    ("kind", "name", "reason"),
    [
        ("grouped", "CONV_2D", "grouped with filters computed in the graph"),
        ("depthwise", "DEPTHWISE_CONV_2D", "depth multiplier 2 on 8 channels"),
    ],
)
def test_a_grouped_convolution_with_run_time_weights(awkward, kind, name, reason):
    result = check_op_table(awkward[kind])
    assert [line.split()[0] for line in result.placement.left_over] == [name]
    assert reason in result.failures[0]


def _operator(model, builtin):
    """The first operator of a kind, with its graph."""
    graph = model.subgraphs[0]
    for operator in graph.operators:
        if model.operatorCodes[operator.opcodeIndex].builtinCode == builtin:
            return graph, operator
    raise AssertionError(f"no operator {builtin}")


def _five_dimensions(model):
    graph, operator = _operator(model, schema.BuiltinOperator.ADD)
    graph.tensors[operator.outputs[0]].shape = [1, 1, 16, 16, 6]


def _paddings(model):
    graph, operator = _operator(model, schema.BuiltinOperator.PAD)
    graph.tensors[operator.inputs[1]].shape = [8]


def _broadcast(model):
    graph, operator = _operator(model, schema.BuiltinOperator.ADD)
    graph.tensors[operator.inputs[1]].shape = [1, 16, 16, 5]


def _size_at_run_time(model):
    _, operator = _operator(model, schema.BuiltinOperator.RESIZE_NEAREST_NEIGHBOR)
    operator.inputs = operator.inputs[[0, 0]]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_five_dimensions, "has 5 dimensions, at most 4"),
        (_paddings, "paddings must be 3x2 or 4x2, are 8"),
        (_broadcast, "cannot broadcast"),
        (_size_at_run_time, "2 inputs are computed in the graph, must be 1"),
    ],
)
def test_a_form_that_the_delegate_lacks(module, edit, change, reason):
    result = check_op_table(edit(module.files["fp32"], change))
    assert result.verdict == "fail"
    assert any(reason in line for line in result.failures)


def test_softmax_with_a_temperature(pipeline, edit):
    def change(model):
        _, operator = _operator(model, schema.BuiltinOperator.LOGISTIC)
        code = model.operatorCodes[operator.opcodeIndex]
        code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.SOFTMAX
        operator.builtinOptionsType = schema.BuiltinOptions.SoftmaxOptions
        operator.builtinOptions = schema.SoftmaxOptionsT()
        operator.builtinOptions.beta = 2.0

    assert "beta is 2, must be 1" in check_op_table(edit(pipeline.files["fp32"], change)).failures[0]


def test_a_foreign_file_is_an_input_error(tmp_path):
    path = tmp_path / "foreign.tflite"
    path.write_bytes(b"hello")
    with pytest.raises(InputError, match=r"foreign\.tflite"):
        check_op_table(path)
