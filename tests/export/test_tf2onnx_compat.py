"""The contract of tf2onnx's internal steps, and that an unsupported operation is an error."""

import onnx
import pytest
import tensorflow as tf
from closeness import assert_close
from onnx.reference import ReferenceEvaluator

from bertferry.core.errors import DataError
from bertferry.export.onnx.tf2onnx_compat import convert_graph, list_passes
from bertferry.export.onnx.translate import HARMFUL_PASSES

ROWS = [[1.0, -2.0], [3.0, 0.5]]


@pytest.fixture
def convert():
    """Converts what a function computes of a placeholder `given` [None, 2]."""

    def convert(compute, opset=18, skipped_passes=()):
        with tf.Graph().as_default() as graph:
            result = tf.identity(compute(tf.compat.v1.placeholder(tf.float32, [None, 2], "given")), "result")
        names = {"given:0": "rows", result.name: "sums"}
        return convert_graph(graph.as_graph_def(), ["given:0"], [result.name], names, opset, skipped_passes)

    return convert


@pytest.mark.parametrize("opset", [15, 18])
def test_convert_graph_computes_the_same_under_the_given_names(convert, opset):
    model = convert(lambda rows: tf.nn.relu(tf.matmul(rows, [[2.0], [1.0]])), opset)
    onnx.checker.check_model(model)
    assert [value.name for value in model.graph.input] == ["rows"]
    assert [value.name for value in model.graph.output] == ["sums"]
    assert [(used.domain, used.version) for used in model.opset_import if used.domain == ""] == [("", opset)]
    (sums,) = ReferenceEvaluator(model).run(None, {"rows": tf.constant(ROWS).numpy()})
    assert_close(sums, [[0.0], [6.5]])


def test_the_passes_that_are_left_out_exist():
    missing = set(HARMFUL_PASSES) - set(list_passes())
    assert not missing, "under another name they would run: look for what duplicates kernels or hides LayerNorms"


@pytest.mark.parametrize(("skipped", "kept"), [((), False), (("einsum_optimizer",), True)])
def test_a_pass_is_left_out_by_its_name(convert, skipped, kept):
    model = convert(lambda rows: tf.einsum("ab,bcd->acd", rows, tf.ones([2, 3, 4])), skipped_passes=skipped)
    assert ("Einsum" in {node.op_type for node in model.graph.node}) == kept


def test_an_operation_that_it_does_not_know_is_an_error(convert):
    with pytest.raises(DataError, match=r"^cannot be converted to ONNX: .*Lgamma"):
        convert(tf.math.lgamma)
