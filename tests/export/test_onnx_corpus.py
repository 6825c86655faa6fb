"""Every SavedModel of the corpus ends in a right file or in one line."""

import pytest
from saved_models import corpus

from bertferry.core.errors import BertferryError
from bertferry.export import export_onnx

REFUSED = {
    "IntegerLookup": "lookup table",
    "StringLookup": "lookup table",
    "table of strings": "lookup table",
    "Hashing": "StringToHashBucketFast",
    "scan": "scan output",
    "TensorArray, backwards": "TensorListSetItem",
    "TensorArray, early stop": "differs from its source",
    "state": "depends on the variable total",
    "image resizing by area": "ResizeArea",
    "image resizing, bicubic": "Cubic",
    "image resizing with antialias": "ScaleAndTranslate",
    "sparse": "SparseReduceSum",
    "lengths of texts": "StringLength",
    "dropout in training": "RandomUniform",
    "numerics": "Lgamma",
}
"""What the line names, by the end of the SavedModel's name."""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*")  # from the writers, which are not ours
@pytest.mark.parametrize("name", corpus())
def test_a_saved_model_ends_in_a_right_file_or_one_line(tmp_path, name):
    corpus()[name](tmp_path / "saved")
    named = REFUSED.get(name.split(": ", 1)[1])
    if named is None:
        assert export_onnx(tmp_path / "m.onnx", saved_model=tmp_path / "saved").verdict.startswith("AGREE")
        return
    with pytest.raises(BertferryError) as raised:
        export_onnx(tmp_path / "m.onnx", saved_model=tmp_path / "saved")
    assert named in str(raised.value)
    assert "\n" not in str(raised.value)
