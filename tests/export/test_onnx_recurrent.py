"""Recurrent layers of Keras 2 and 3: one operator of ONNX where it has one, else a loop, and the right values."""

from collections import Counter

import keras
import numpy as np
import pytest
import tf_keras
from saved_functions import Exported

IDS = np.array([[3, 1, 7, 0, 0], [5, 0, 2, 2, 0], [1, 2, 3, 4, 5]], np.int32)


def sequence(library, *layers):
    """A model of sequences [B, T, 4]."""
    return library.Sequential([library.Input((None, 4), name="x"), *layers])


def masked(library, *layers):
    """A model of ids [B, T], 0 of which is padding."""
    embedding = library.layers.Embedding(50, 8, mask_zero=True)
    return library.Sequential([library.Input((None,), dtype="int32", name="x"), embedding, *layers])


def check(model, tmp_path, *, whole=False):
    """Saves and exports a model, compares both on sequences of some lengths, and returns the operations.

    `whole` saves the functions of every layer too, as `model.save` of Keras 2 does, which takes long.
    """
    if whole:
        model.save(str(tmp_path / "saved"), save_format="tf")
    elif model.__module__.startswith("tf_keras"):
        model.export(str(tmp_path / "saved"))
    else:
        model.export(str(tmp_path / "saved"), verbose=False)
    exported = Exported(tmp_path / "saved", tmp_path / "m.onnx")
    (name,) = exported.report.inputs
    rng = np.random.default_rng(0)
    for length in (1, 5):
        rows = IDS[:, :length] if len(model.input_shape) == 2 else rng.normal(size=(3, length, 4))
        exported.check(**{name: rows.astype(np.int32 if len(model.input_shape) == 2 else np.float32)})
    return Counter(exported.operations)


@pytest.mark.parametrize("library", [tf_keras, keras], ids=["Keras 2", "Keras 3"])
@pytest.mark.filterwarnings("ignore:.*")  # from the writers, which are not ours
class TestLayers:
    def test_an_lstm_is_one_operator(self, tmp_path, library):
        found = check(sequence(library, library.layers.LSTM(8)), tmp_path, whole=library is tf_keras)
        assert found["LSTM"] == 1
        assert not found["Loop"]

    def test_a_masked_layer_skips_padding(self, tmp_path, library):
        check(masked(library, library.layers.LSTM(8)), tmp_path)

    @pytest.mark.parametrize("model", [sequence, masked])
    def test_both_directions(self, tmp_path, library, model):
        layer = library.layers.Bidirectional(library.layers.GRU(6, return_sequences=True))
        check(model(library, layer), tmp_path)

    def test_a_simple_layer_is_a_loop_with_its_weights_outside(self, tmp_path, library):
        assert check(sequence(library, library.layers.SimpleRNN(8)), tmp_path)["Loop"] == 1


@pytest.mark.filterwarnings("ignore:.*")  # from the writer, which is not ours
def test_a_gru_of_keras_2_is_one_operator(tmp_path):
    found = check(sequence(tf_keras, tf_keras.layers.GRU(8)), tmp_path, whole=True)
    assert found["GRU"] == 1
    assert not found["Loop"]
