from __future__ import annotations

import re

import pytest
from ai_edge_litert import schema_py_generated as schema

from mobile_robust.runtimes.gpu_delegate import RUNTIMES, check_op_table
from mobile_robust.tflite.file import read


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8", "int8_io"])
def test_the_deploy_form_is_in_the_table(module, pipeline, precision):
    for made in (module, pipeline):
        result = check_op_table(made.files[precision])
        assert (result.runtime, result.verdict, result.failures, result.metrics) == (RUNTIMES[0].name, "pass", (), {})
        assert result.placement.placed_ops == result.placement.total_ops > 5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "name", "reason"),
    [
        ("xor", "BITWISE_XOR", "the delegate has no BITWISE_XOR"),
        ("grouped", "CONV_2D", "grouped with filters computed in the graph"),
        ("depthwise", "DEPTHWISE_CONV_2D", "depth multiplier 2 on 8 channels"),
    ],
)
def test_what_a_gpu_has_trouble_with(awkward, kind, name, reason):
    result = check_op_table(awkward[kind])
    assert result.verdict == "fail" and reason in result.failures[0]
    assert [line.split()[0] for line in result.placement.left_over] == [name]
    assert result.placement.placed_ops == result.placement.total_ops - 1


def _operator(model, name):
    """The first operator of a kind, its graph and its code."""
    graph = model.subgraphs[0]
    for operator in graph.operators:
        code = model.operatorCodes[operator.opcodeIndex]
        if code.builtinCode == getattr(schema.BuiltinOperator, name):
            return graph, operator, code
    raise AssertionError(f"no operator {name}")


def _reshape(name, side, position, shape):
    """A change of the shape of one tensor of an operator."""

    def change(model):
        graph, operator, _ = _operator(model, name)
        graph.tensors[getattr(operator, side)[position]].shape = shape

    return change


def _unknown(model):
    _, _, code = _operator(model, "CONCATENATION")
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.SHAPE


def _size_at_run_time(model):
    _, operator, _ = _operator(model, "RESIZE_NEAREST_NEIGHBOR")
    operator.inputs = operator.inputs[[0, 0]]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_unknown, "the delegate has no SHAPE"),
        (_reshape("ADD", "outputs", 0, [1, 1, 16, 16, 6]), "has 5 dimensions, at most 4"),
        (_reshape("PAD", "inputs", 1, [8]), "paddings must be 3x2 or 4x2, are 8"),
        (_reshape("ADD", "inputs", 1, [1, 16, 16, 5]), "cannot broadcast"),
        (_size_at_run_time, "2 inputs are computed in the graph, must be 1"),
    ],
)
def test_a_form_that_the_delegate_lacks(module, edit, change, reason):
    result = check_op_table(edit(module.files["fp32"], change))
    assert result.verdict == "fail"
    assert any(reason in line for line in result.failures)


def test_failures_are_grouped_by_their_cause(module, edit):
    def change(model):
        graph = model.subgraphs[0]
        for operator in graph.operators:
            for index in operator.outputs:
                tensor = graph.tensors[index]
                if len(tensor.shape) == 4:
                    tensor.shape = [1, *tensor.shape]

    file = edit(module.files["fp32"], change)
    result = check_op_table(file)
    counts = read(file).op_counts
    convolutions = counts["CONV_2D"]
    pattern = (
        rf"{convolutions} CONV_2D: a tensor has 5 dimensions, at most 4 \(operations \d+(, \d+)+( and \d+ more)?\)"
    )
    assert convolutions > 1 and [line for line in result.failures if re.fullmatch(pattern, line)]
    assert len(result.failures) < len(result.placement.left_over)


def test_softmax_with_a_temperature(pipeline, edit):
    def change(model):
        _, operator, code = _operator(model, "LOGISTIC")
        code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.SOFTMAX
        operator.builtinOptionsType = schema.BuiltinOptions.SoftmaxOptions
        operator.builtinOptions = schema.SoftmaxOptionsT()
        operator.builtinOptions.beta = 2.0

    assert "beta is 2, must be 1" in check_op_table(edit(pipeline.files["fp32"], change)).failures[0]
