"""Operations that stock tf2onnx 1.17 translates to something else: the file computes what TensorFlow does."""

import pytest
from saved_functions import Exported, save
from translation_cases import CASES, serving


@pytest.mark.parametrize(("function", "specs", "inputs"), CASES.values(), ids=CASES)
def test_the_file_computes_what_tensorflow_does(tmp_path, function, specs, inputs):
    saved = save(tmp_path / "saved", serving(function), specs)
    Exported(saved, tmp_path / "m.onnx").check(**inputs)
