"""The metadata of an ONNX file, read without its weights."""

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from bertferry.verify.onnx_metadata import onnx_metadata


def model_with(metadata):
    weight = numpy_helper.from_array(np.ones((64, 64), np.float32), "w")
    value = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 64])
    output = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 64])
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [value], [output], [weight])
    model = helper.make_model(graph)
    helper.set_model_props(model, metadata)
    return model


@given(st.dictionaries(st.text(min_size=1), st.text(), max_size=4))
def test_it_equals_what_onnx_reads(tmp_path_factory, metadata):
    path = tmp_path_factory.mktemp("meta") / "m.onnx"
    onnx.save(model_with(metadata), str(path))
    assert onnx_metadata(path) == metadata


@pytest.mark.parametrize("content", [b"", b"not a model at all", b"\xff" * 40, b"\x3a\xff\xff\x03"])
def test_a_file_that_is_no_model_has_none(tmp_path, content):
    (tmp_path / "m.onnx").write_bytes(content)
    assert onnx_metadata(tmp_path / "m.onnx") == {}
