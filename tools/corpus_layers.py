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


def _queries(layer: str, *arguments: Any, **options: Any) -> Build:
    """A builder of attention of one sequence over another."""

    def build(keras: Keras) -> Any:  # noqa: ANN401 - a model of either Keras
        queries, values = keras.Input((6, 8), name="queries"), keras.Input((5, 8), name="values")
        attention = getattr(keras.layers, layer)(*arguments, **options)
        parts = ([queries, values],) if layer in ("Attention", "AdditiveAttention") else (queries, values)
        return keras.Model({"queries": queries, "values": values}, attention(*parts))

    return build


def _causal(keras: Keras) -> Any:  # noqa: ANN401 - a model of either Keras
    given = keras.Input((None, 8), name="x")
    return keras.Model(given, keras.layers.MultiHeadAttention(2, 4)(given, given, use_causal_mask=True))


def _encoder_decoder(keras: Keras) -> Any:  # noqa: ANN401 - a model of either Keras
    given, wanted = keras.Input((7, 4), name="given"), keras.Input((6, 3), name="wanted")
    _, *state = keras.layers.LSTM(5, return_state=True)(given)
    decoded = keras.layers.LSTM(5, return_sequences=True)(wanted, initial_state=state)
    return keras.Model({"given": given, "wanted": wanted}, decoded)


def _states(keras: Keras) -> Any:  # noqa: ANN401 - a model of either Keras
    given, start = keras.Input((7, 4), name="x"), keras.Input((5,), name="start")
    sequence, last = keras.layers.GRU(5, return_sequences=True, return_state=True)(given, initial_state=start)
    return keras.Model({"x": given, "start": start}, {"sequence": sequence, "last": last})


def _merged(keras: Keras) -> Any:  # noqa: ANN401 - a model of either Keras
    left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right")
    names = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate")
    outputs = {name: getattr(keras.layers, name)()([left, right]) for name in names}
    outputs["Dot"] = keras.layers.Dot(axes=1, normalize=True)([left, right])
    return keras.Model({"left": left, "right": right}, outputs)


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
    "Conv1DTranspose": _stack((9, 3), _layer("Conv1DTranspose", 4, 3, strides=2)),
    "Conv3DTranspose": _stack((4, 4, 4, 2), _layer("Conv3DTranspose", 3, 3, strides=2)),
    "SeparableConv1D, DepthwiseConv1D": _stack(
        (12, 3), _layer("SeparableConv1D", 4, 3), _layer("DepthwiseConv1D", 3)
    ),
    "Conv2D, groups, any size": _stack((None, None, 4), _layer("Conv2D", 4, 3, groups=2, padding="same")),
    "Conv2DTranspose, any size": _stack((None, None, 3), _layer("Conv2DTranspose", 4, 3, strides=2)),
    "ConvLSTM1D, sequences": _stack((4, 8, 2), _layer("ConvLSTM1D", 3, 3, return_sequences=True)),
    "ConvLSTM3D": _stack((3, 4, 4, 4, 2), _layer("ConvLSTM3D", 2, 3)),
    "pooling in one dimension": _stack(
        (12, 3),
        _layer("MaxPooling1D", 2),
        _layer("AveragePooling1D", 2, padding="same"),
        _layer("GlobalMaxPooling1D"),
    ),
    "pooling in three dimensions": _stack(
        (6, 6, 6, 2), _layer("MaxPooling3D", 2), _layer("AveragePooling3D", 2), _layer("GlobalAveragePooling3D")
    ),
    "Embedding, mean, masked": _stack(
        (None,), _embedding(mask_zero=True), _layer("GlobalAveragePooling1D"), dtype="int32"
    ),
    "Attention": _queries("Attention", use_scale=True),
    "AdditiveAttention": _queries("AdditiveAttention"),
    "MultiHeadAttention of two sequences": _queries("MultiHeadAttention", 2, 4),
    "MultiHeadAttention, causal": _causal,
    "EinsumDense": _stack((5, 8), _layer("EinsumDense", "abc,cd->abd", output_shape=(None, 3), bias_axes="d")),
    "ReLU, Softmax": _stack((4, 3), _layer("ReLU", 6.0, 0.1, 0.2), _layer("Softmax", axis=1)),
    "SpatialDropout, AlphaDropout, ActivityRegularization": _stack(
        (6, 4), _layer("SpatialDropout1D", 0.5), _layer("AlphaDropout", 0.5), _layer("ActivityRegularization", 0.1)
    ),
    "merging": _merged,
    "Lambda": _stack((4,), lambda keras: keras.layers.Lambda(lambda x: x * 2 + 1)),
    "padding in one dimension": _stack(
        (9, 3), _layer("ZeroPadding1D", 2), _layer("Cropping1D", (1, 2)), _layer("UpSampling1D", 2)
    ),
    "padding in three dimensions": _stack(
        (4, 4, 4, 2), _layer("ZeroPadding3D", 2), _layer("Cropping3D", 1), _layer("UpSampling3D", 2)
    ),
    "UpSampling2D, nearest": _stack(IMAGE, _layer("UpSampling2D", 2)),
    "CenterCrop": _stack((None, None, 3), _layer("CenterCrop", 6, 7)),
    "RandomFlip, RandomRotation": _stack(IMAGE, _layer("RandomFlip"), _layer("RandomRotation", 0.1)),
    "Resizing, cropped": _stack((16, 20, 3), _layer("Resizing", 8, 8, crop_to_aspect_ratio=True)),
    "Resizing, lanczos3": _stack((16, 20, 3), _layer("Resizing", 8, 8, interpolation="lanczos3")),
    "TextVectorization": _stack(
        (), _layer("TextVectorization", vocabulary=["a", "b"], output_sequence_length=4), dtype="string"
    ),
    "CategoryEncoding, counts": _stack((3,), _layer("CategoryEncoding", 5, output_mode="count"), dtype="int32"),
    "Discretization, one_hot": _stack(
        (1,), _layer("Discretization", bin_boundaries=[-1.0, 0.0, 2.0], output_mode="one_hot")
    ),
    "Hashing of texts": _stack((1,), _layer("Hashing", num_bins=4), dtype="string"),
    "Bidirectional, two LSTMs": _stack(
        SEQUENCE, _bidirectional("LSTM", return_sequences=True), _bidirectional("LSTM")
    ),
    "SimpleRNN, masked": _stack((None,), _embedding(mask_zero=True), _layer("SimpleRNN", 4), dtype="int32"),
    "StackedRNNCells": _stack(
        SEQUENCE,
        lambda keras: keras.layers.RNN(
            keras.layers.StackedRNNCells([keras.layers.LSTMCell(4), keras.layers.SimpleRNNCell(3)])
        ),
    ),
    "GRU, initial and last state": _states,
    "encoder and decoder": _encoder_decoder,
    "LSTM, stateful": lambda keras: _stateful(keras),
    "TimeDistributed Conv2D": _stack(
        (4, 8, 8, 2), lambda keras: keras.layers.TimeDistributed(keras.layers.Conv2D(3, 3))
    ),
    "residual network": _residual,
    "MultiHeadAttention, masked": _attention,
    "two inputs, two outputs": _two_inputs,
}


ONLY: dict[str, tuple[int, Build]] = {
    "LocallyConnected1D": (2, _stack((9, 3), _layer("LocallyConnected1D", 4, 3))),
    "ThresholdedReLU": (2, _stack((4,), _layer("ThresholdedReLU", 0.5))),
    "GroupQueryAttention": (3, _queries("GroupQueryAttention", 4, 4, 2)),
    "RMSNormalization": (3, _stack((4,), _layer("RMSNormalization"))),
    "SpectralNormalization": (
        3,
        _stack((4,), lambda keras: keras.layers.SpectralNormalization(keras.layers.Dense(3))),
    ),
    "MelSpectrogram": (
        3,
        _stack((1024,), _layer("MelSpectrogram", fft_length=256, sequence_stride=64, num_mel_bins=16)),
    ),
    "newer activations": (3, lambda keras: _newer_activations(keras)),
}
"""Layers that one version of Keras has."""


def _stateful(keras: Keras) -> Any:  # noqa: ANN401 - a model of either Keras
    given = keras.Input(batch_shape=(2, 5, 3), name="x")
    return keras.Model(given, keras.layers.LSTM(4, stateful=True)(given))


def _newer_activations(keras: Keras) -> Any:  # noqa: ANN401 - a model of either Keras
    given = keras.Input((4,), name="x")
    names = ("celu", "glu", "hard_shrink", "hard_tanh", "hard_silu", "leaky_relu", "log_sigmoid", "mish", "relu6")
    more = ("soft_shrink", "sparse_plus", "squareplus", "sparse_sigmoid", "tanh_shrink", "log_softmax")
    return keras.Model(given, {name: keras.layers.Activation(name)(given) for name in (*names, *more)})


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
