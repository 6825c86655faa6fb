"""Keras models by layer, for tools/saved_models.py: what a builder gets is the Keras to use, 2 or 3."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

Keras = Any
Build = Callable[[Keras], Any]


def _stack(shape: tuple[int | None, ...], *layers: Callable[[Keras], Any], dtype: str = "float32") -> Build:
    """A builder of a sequential model of layers."""

    def build(keras: Keras) -> Any:  # noqa: ANN401 - a model of either Keras
        given = value = keras.Input(shape, dtype=dtype, name="x")
        for layer in layers:
            value = layer(keras)(value)
        return keras.Model(given, value)

    return build


def _residual(keras: Keras) -> Any:  # noqa: ANN401 - a model of either Keras
    given = value = keras.Input((16, 16, 3), name="x")
    for strides in (1, 2):
        value = keras.layers.Conv2D(8, 3, strides=strides, padding="same", use_bias=False)(value)
        value = keras.layers.BatchNormalization()(value)
        value = keras.layers.ReLU()(value)
    branch = keras.layers.Conv2D(8, 1, strides=2)(given)
    value = keras.layers.GlobalAveragePooling2D()(keras.layers.Add()([value, branch]))
    return keras.Model(given, keras.layers.Dense(5, activation="softmax")(value))


def _attention(keras: Keras) -> Any:  # noqa: ANN401 - a model of either Keras
    ids = keras.Input((None,), dtype="int32", name="ids")
    hidden = keras.layers.Embedding(20, 8, mask_zero=True)(ids)
    hidden = keras.layers.MultiHeadAttention(2, 4)(hidden, hidden)
    return keras.Model(ids, keras.layers.LayerNormalization()(hidden))


def _two_inputs(keras: Keras) -> Any:  # noqa: ANN401 - a model of either Keras
    left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right")
    joined = keras.layers.Concatenate()([left, right])
    outputs = {"sum": keras.layers.Dense(2)(joined), "product": keras.layers.Multiply()([left, right])}
    return keras.Model({"left": left, "right": right}, outputs)


def _bidirectional(layer: str, **options: Any) -> Callable[[Keras], Any]:
    return lambda keras: keras.layers.Bidirectional(getattr(keras.layers, layer)(6, **options))


def _layer(name: str, *arguments: Any, **options: Any) -> Callable[[Keras], Any]:
    return lambda keras: getattr(keras.layers, name)(*arguments, **options)


def _embedding(**options: Any) -> Callable[[Keras], Any]:
    return _layer("Embedding", 50, 8, **options)


SEQUENCE = (10, 4)
IMAGE = (12, 12, 3)
MODELS: dict[str, Build] = {
    "Dense, every activation": lambda keras: _activations(keras),
    "Embedding, mean": _stack((None,), _embedding(), _layer("GlobalAveragePooling1D"), dtype="int32"),
    "LSTM": _stack(SEQUENCE, _layer("LSTM", 8), _layer("Dense", 2)),
    "LSTM, sequences of any length": _stack((None, 4), _layer("LSTM", 8, return_sequences=True)),
    "LSTM, masked": _stack((None,), _embedding(mask_zero=True), _layer("LSTM", 8), dtype="int32"),
    "LSTM, backwards": _stack(SEQUENCE, _layer("LSTM", 8, go_backwards=True)),
    "LSTM, no bias": _stack(SEQUENCE, _layer("LSTM", 8, use_bias=False)),
    "LSTM, relu": _stack(SEQUENCE, _layer("LSTM", 8, activation="relu")),
    "LSTM, hard sigmoid": _stack(SEQUENCE, _layer("LSTM", 8, recurrent_activation="hard_sigmoid")),
    "LSTM, unrolled": _stack((5, 4), _layer("LSTM", 8, unroll=True)),
    "two LSTMs": _stack(SEQUENCE, _layer("LSTM", 8, return_sequences=True), _layer("LSTM", 4)),
    "LSTM, bidirectional": _stack(SEQUENCE, _bidirectional("LSTM")),
    "LSTM, bidirectional, masked": _stack(
        (None,), _embedding(mask_zero=True), _bidirectional("LSTM", return_sequences=True), dtype="int32"
    ),
    "GRU": _stack(SEQUENCE, _layer("GRU", 8)),
    "GRU, reset before": _stack(SEQUENCE, _layer("GRU", 8, reset_after=False)),
    "GRU, masked": _stack((None,), _embedding(mask_zero=True), _layer("GRU", 8), dtype="int32"),
    "GRU, bidirectional": _stack(SEQUENCE, _bidirectional("GRU", return_sequences=True)),
    "SimpleRNN": _stack(SEQUENCE, _layer("SimpleRNN", 8)),
    "RNN of two cells": _stack(
        SEQUENCE, lambda keras: keras.layers.RNN([keras.layers.LSTMCell(4), keras.layers.GRUCell(3)])
    ),
    "ConvLSTM2D": _stack((4, 8, 8, 2), _layer("ConvLSTM2D", 3, 3)),
    "TimeDistributed": _stack(
        SEQUENCE, lambda keras: keras.layers.TimeDistributed(keras.layers.Dense(3, activation="tanh"))
    ),
    "Conv1D, causal, dilated": _stack((20, 3), _layer("Conv1D", 4, 3, padding="causal", dilation_rate=2)),
    "Conv2D, strides": _stack(IMAGE, _layer("Conv2D", 4, 3, strides=2, padding="same", activation="relu")),
    "Conv2D, dilated": _stack(IMAGE, _layer("Conv2D", 4, 3, dilation_rate=2)),
    "Conv3D": _stack((6, 6, 6, 2), _layer("Conv3D", 3, 3)),
    "Conv2DTranspose": _stack(IMAGE, _layer("Conv2DTranspose", 4, 3, strides=2, padding="same")),
    "DepthwiseConv2D": _stack(IMAGE, _layer("DepthwiseConv2D", 3, depth_multiplier=2)),
    "SeparableConv2D": _stack(IMAGE, _layer("SeparableConv2D", 4, 3)),
    "pooling": _stack(
        IMAGE, _layer("MaxPooling2D", 2, padding="same"), _layer("AveragePooling2D", 2, padding="same")
    ),
    "pooling, global": _stack(IMAGE, _layer("GlobalMaxPooling2D")),
    "BatchNormalization": _stack(IMAGE, _layer("BatchNormalization"), _layer("Flatten")),
    "LayerNormalization": _stack(SEQUENCE, _layer("LayerNormalization")),
    "GroupNormalization": _stack((8, 8, 4), _layer("GroupNormalization", groups=2)),
    "UnitNormalization": _stack((8,), _layer("UnitNormalization")),
    "UpSampling2D, bilinear": _stack(IMAGE, _layer("UpSampling2D", interpolation="bilinear")),
    "ZeroPadding2D, Cropping2D": _stack(IMAGE, _layer("ZeroPadding2D", 2), _layer("Cropping2D", 1)),
    "Resizing, Rescaling": _stack((None, None, 3), _layer("Resizing", 8, 8), _layer("Rescaling", 1 / 255)),
    "Normalization": _stack((4,), _layer("Normalization", mean=[1.0, 2, 3, 4], variance=[1.0, 4, 9, 16])),
    "Discretization": _stack((4,), _layer("Discretization", bin_boundaries=[-1.0, 0.0, 2.0])),
    "CategoryEncoding": _stack((1,), _layer("CategoryEncoding", 5, output_mode="one_hot"), dtype="int32"),
    "IntegerLookup": _stack((1,), _layer("IntegerLookup", vocabulary=[3, 7, 9]), dtype="int64"),
    "StringLookup": _stack((1,), _layer("StringLookup", vocabulary=["a", "b"]), dtype="string"),
    "Hashing": _stack((1,), _layer("Hashing", num_bins=4), dtype="int64"),
    "Permute, Reshape, RepeatVector": _stack(
        (4,), _layer("RepeatVector", 3), _layer("Permute", (2, 1)), _layer("Reshape", (6, 2))
    ),
    "PReLU, ELU, LeakyReLU": _stack((4,), _layer("PReLU"), _layer("ELU"), _layer("LeakyReLU")),
    "Dropout, GaussianNoise": _stack((4,), _layer("Dropout", 0.5), _layer("GaussianNoise", 1.0)),
    "Masking": _stack(SEQUENCE, _layer("Masking"), _layer("LSTM", 4)),
    "residual network": _residual,
    "MultiHeadAttention, masked": _attention,
    "two inputs, two outputs": _two_inputs,
}


def _activations(keras: Keras) -> Any:  # noqa: ANN401 - a model of either Keras
    given = keras.Input((4,), name="x")
    names = ("relu", "gelu", "swish", "selu", "softplus", "softsign", "hard_sigmoid", "exponential", "softmax")
    outputs = {name: keras.layers.Dense(3, activation=name)(given) for name in (*names, "tanh", "sigmoid", "elu")}
    return keras.Model(given, outputs)


def save(build: Build, version: int, path: Path) -> None:
    """Saves a model with Keras 2 (`model.save`) or Keras 3 (`model.export`)."""
    import keras
    import tf_keras

    chosen = tf_keras if version == 2 else keras
    chosen.utils.set_random_seed(1)
    model = build(chosen)
    if version == 2:
        model.save(str(path), save_format="tf")
    else:
        model.export(str(path), verbose=False)
