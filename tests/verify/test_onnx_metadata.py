"""The metadata of an ONNX file, read without its weights."""

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from bertferry.core.errors import UsageError
from bertferry.core.onnx_files.metadata import onnx_metadata
from bertferry.verify.artifact import onnx_artifact


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


def test_notes_of_other_exporters_say_nothing(tmp_path):
    path = tmp_path / "m.onnx"
    onnx.save(model_with({"configuration": "my settings", "precision": "high"}), str(path))
    artifact = onnx_artifact(path)
    assert artifact.configuration == {}
    assert artifact.profile == "fp32-cross"


@pytest.mark.parametrize("damage", [{"configuration": "{"}, {"configuration": "[]"}, {"precision": "high"}])
def test_damaged_notes_of_ours_are_refused(tmp_path, damage):
    path = tmp_path / "m.onnx"
    onnx.save(
        model_with({"source_hash": "sha256:0", "precision": "fp16", "configuration": "{}", **damage}), str(path)
    )
    with pytest.raises(UsageError, match=r"m\.onnx: its metadata are damaged: export it again"):
        onnx_artifact(path)
