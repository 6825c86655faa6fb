"""Every SavedModel of the corpus ends in a right file or in one line."""

import pytest
from saved_models import corpus

from bertferry.core.errors import BertferryError
from bertferry.export import export_onnx

REFUSED = {
    "TextVectorization": "compares texts",
    "table that changes": "lookup table",
    "table with buckets": "StringToHashBucketFast",
    "Hashing": "StringToHashBucketFast",
    "Hashing of texts": "StringToHashBucketFast",
    "LSTM, stateful": "depends on the variable",
    "Keras 3: RandomFlip, RandomRotation": "depends on the variable",
    "Resizing, lanczos3": "ScaleAndTranslate",
    "MelSpectrogram": "rfft",
    "state": "depends on the variable total",
    "image resizing by area": "ResizeArea",
    "image resizing, bicubic": "Cubic",
    "image resizing with antialias": "ScaleAndTranslate",
    "image in HSV": "RGBToHSV",
    "image patches": "",
    "sparse": "SparseReduceSum",
    "sparse to dense": "is out of bounds",
    "lengths of texts": "StringLength",
    "texts joined": "StringJoin",
    "texts compared": "Equal",
    "texts split": "StringSplit",
    "numbers as texts": "AsString",
    "dropout in training": "RandomUniform",
    "random": "RandomStandardNormal",
    "numerics": "Lgamma",
    "inverse": "MatrixInverse",
    "Cholesky": "Cholesky",
    "singular values": "Svd",
    "FFT": "FFT",
    "inverse FFT": "IRFFT",
    "STFT": "",
    "Python function": "PyFunc",
    "gradient": "TanhGrad",
}
"""What the line names, by the SavedModel's name or its end."""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*")  # from the writers, which are not ours
@pytest.mark.parametrize("name", corpus())
def test_a_saved_model_ends_in_a_right_file_or_one_line(tmp_path, name):
    corpus()[name](tmp_path / "saved")
    named = REFUSED.get(name, REFUSED.get(name.split(": ", 1)[-1]))
    if named is None:
        assert export_onnx(tmp_path / "m.onnx", saved_model=tmp_path / "saved").verdict.startswith("AGREE")
        return
    with pytest.raises(BertferryError) as raised:
        export_onnx(tmp_path / "m.onnx", saved_model=tmp_path / "saved")
    assert named in str(raised.value)
    assert "\n" not in str(raised.value)
