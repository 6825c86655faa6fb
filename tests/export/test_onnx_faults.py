"""Faults of a translation are caught by the probes alone, whoever made them."""

import numpy as np
import onnx
import pytest
import tensorflow as tf
from saved_functions import normal, save, spec
from translation_cases import CASES, serving
from translation_faults import judge, translation_faults

from bertferry.core.errors import DataError, UnavailableError
from bertferry.export import OnnxOptions, export_onnx
from bertferry.export.onnx import corrections, tf2onnx_compat
from bertferry.export.onnx.parity_check import check_parity
from bertferry.export.onnx.saved_model_source import SavedModelSource

RIGHT = {
    "comparison of int8",
    "comparison of uint32",
    "floor division of float32",
    "floor division of uint8",
    "top_k of float16",
    "top_k of uint8",
    "where instead of NaN",
}
"""What stock tf2onnx translates rightly."""
WRONG = [
    pytest.param(name, marks=pytest.mark.slow if name == "diagonals" else ())  # tf2onnx takes long over them
    for name in sorted(CASES.keys() - RIGHT)
]


@pytest.mark.parametrize("name", WRONG)
def test_the_probes_catch_what_stock_tf2onnx_gets_wrong(tmp_path, monkeypatch, name):
    function, specs, _ = CASES[name]
    saved = save(tmp_path / "saved", serving(function), specs)
    monkeypatch.setattr(corrections, "REWRITES", {})
    monkeypatch.setattr(tf2onnx_compat, "HANDLERS", {})
    with pytest.raises((DataError, UnavailableError)):  # ONNX Runtime has no kernel for one of them
        export_onnx(tmp_path / "m.onnx", saved_model=saved)


@pytest.mark.slow
@pytest.mark.parametrize("fault", list(translation_faults()), ids=lambda fault: f"{fault.kind}: {fault.name}")
def test_a_graph_that_computes_something_else_disagrees(tmp_path, fault):
    right, wrong = judge(fault, tmp_path)
    assert right == "agrees"
    assert wrong != "agrees"


def branch(x):
    return {"y": tf.cond(tf.reduce_sum(x) > 0, lambda: x @ KERNEL, lambda: x @ OTHER)}


def loop(x, n):
    return {"y": tf.while_loop(lambda k, _: k < n, lambda k, h: (k + 1, h + 1), [0, x])[1]}


def clamped(ids):
    return {"y": tf.gather(TABLE, ids)}


KERNEL, OTHER, TABLE = normal(4, 3), normal(4, 3, seed=2), normal(30, 4)


def swap_branches(graph):
    (node,) = (node for node in graph.node if node.op_type == "If")
    first, second = node.attribute
    first.name, second.name = second.name, first.name


def run_one_step_less(graph):
    (node,) = (node for node in graph.node if node.op_type == "Loop")
    one = onnx.numpy_helper.from_array(np.array(1, np.int32), "one_step")
    graph.initializer.append(one)
    start = node.input[2]
    graph.node.insert(0, onnx.helper.make_node("Add", [start, "one_step"], ["later"]))
    node.input[2] = "later"


def clamp_indices(graph):
    (node,) = (node for node in graph.node if node.op_type == "Gather")
    graph.initializer.append(onnx.numpy_helper.from_array(np.array(28, np.int32), "last"))
    graph.node.insert(0, onnx.helper.make_node("Min", [node.input[1], "last"], ["clamped"]))
    node.input[1] = "clamped"


@pytest.mark.parametrize(
    ("function", "specs", "tracked", "plant"),
    [
        (branch, [spec("x")], [KERNEL, OTHER], swap_branches),
        (loop, [spec("x"), tf.TensorSpec([], tf.int32, "n")], [], run_one_step_less),
        (clamped, [spec("ids", None, dtype=tf.int32)], [TABLE], clamp_indices),
    ],
    ids=["branches swapped", "a step less", "indices clamped"],
)
def test_a_planted_fault_disagrees_and_the_file_without_it_agrees(tmp_path, function, specs, tracked, plant):
    saved = save(tmp_path / "saved", function, specs, *tracked)
    file = tmp_path / "m.onnx"
    export_onnx(file, saved_model=saved)
    source = SavedModelSource(saved, "serving_default")
    assert check_parity(source, file, file, OnnxOptions()).ok
    model = onnx.load(file)
    plant(model.graph)
    onnx.save(model, file)
    assert not check_parity(source, file, file, OnnxOptions()).ok
