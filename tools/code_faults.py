"""Faults of the computation, planted in the networks, in the code of modules and in ONNX graphs."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Literal
from unittest.mock import patch

import graph_faults
import numpy_faults
from weight_faults import CONFIG

from bertferry.core.config import EncoderConfig

ATTENTION = "layer_0/attention"


@dataclass(frozen=True)
class CodeFault:
    """Changes the computation: `network` of a Keras network, `trace` of the code of modules, `numpy` of the NumPy
    network, and `graph` of ONNX graphs. `needs` is what an encoder must have."""

    name: str
    network: Callable[[Any], None]
    trace: Callable[[ExitStack], None]
    numpy: Callable[[ExitStack], None]
    graph: graph_faults.Change
    culprit: str
    needs: Literal["", "pooler", "segments"] = ""


def code_faults(config: EncoderConfig = CONFIG) -> Iterator[CodeFault]:
    """Yields every fault of the computation."""
    yield CodeFault(
        f"ε 1e-3 for {config.layer_norm_eps:.0e}".replace("e-0", "e-"),
        _network_epsilon,
        _trace_epsilon,
        numpy_faults.epsilon,
        graph_faults.with_epsilon(1e-3),
        "embeddings",
    )
    yield CodeFault(
        "embedding LayerNorm skipped",
        _network_no_norm,
        _trace_no_norm,
        numpy_faults.no_norm,
        graph_faults.without_norm,
        "embeddings",
    )
    yield CodeFault(
        "mask ignored", *_change_inputs(lambda ids, mask, types: (ids, mask * 0 + 1, types)), ATTENTION
    )
    yield CodeFault("mask inverted", *_change_inputs(lambda ids, mask, types: (ids, 1 - mask, types)), ATTENTION)
    yield CodeFault(
        "segment ids ignored",
        *_change_inputs(lambda ids, mask, types: (ids, mask, types * 0)),
        "embeddings",
        "segments",
    )
    yield CodeFault(
        "pooler without its tanh",
        _network_no_tanh,
        _trace_no_tanh,
        numpy_faults.no_tanh,
        graph_faults.without_tanh,
        "pooler",
        "pooler",
    )
    yield CodeFault(
        "pooler over the last token",
        _network_last_token,
        _trace_last_token,
        numpy_faults.last_token,
        graph_faults.over_last_token,
        "pooler",
        "pooler",
    )
    yield CodeFault(
        "dropout in inference",
        _network_dropout,
        _trace_dropout,
        numpy_faults.dropout,
        graph_faults.with_dropout,
        "embeddings",
    )


def _trace_attribute(name: str, value: Any) -> Callable[[ExitStack], None]:
    def trace(stack: ExitStack) -> None:
        stack.enter_context(patch(f"bertferry.export.forward.{name}", value))

    return trace


def _network_epsilon(encoder: Any) -> None:
    import tf_keras

    for layer in encoder.submodules:
        if isinstance(layer, tf_keras.layers.LayerNormalization):
            layer.epsilon = 1e-3


def _trace_epsilon(stack: ExitStack) -> None:
    from bertferry.export import forward

    original = forward.layer_norm

    def layer_norm(inputs: Any, parameters: Any, place: str, epsilon: float) -> Any:
        return original(inputs, parameters, place, 1e-3)

    _trace_attribute("layer_norm", layer_norm)(stack)


def _network_no_norm(encoder: Any) -> None:
    encoder.get_layer("embeddings/layer_norm").call = lambda inputs: inputs


def _trace_no_norm(stack: ExitStack) -> None:
    from bertferry.export import forward

    original = forward.layer_norm

    def layer_norm(inputs: Any, parameters: Any, place: str, epsilon: float) -> Any:
        return inputs if place == "embeddings/norm" else original(inputs, parameters, place, epsilon)

    _trace_attribute("layer_norm", layer_norm)(stack)


def _change_inputs(
    change: Callable[..., Any],
) -> tuple[Callable[[Any], None], Callable[[ExitStack], None], Callable[[ExitStack], None], graph_faults.Change]:
    """Makes the encoder run on changed inputs."""

    def network(encoder: Any) -> None:
        original = encoder.call

        def call(inputs: Any, training: Any = None, mask: Any = None) -> Any:
            return original(list(change(*inputs)), training=training)

        encoder.call = call

    def trace(stack: ExitStack) -> None:
        from bertferry.export import forward

        original = forward.encode

        def encode(parameters: Any, config: Any, *inputs: Any, **options: Any) -> Any:
            return original(parameters, config, *change(*inputs), **options)

        _trace_encode(stack, encode)

    return network, trace, numpy_faults.change_inputs(change), graph_faults.on_changed_inputs(change)


def _trace_encode(stack: ExitStack, encode: Any) -> None:
    for module in ("network", "tasks"):
        stack.enter_context(patch(f"bertferry.export.{module}.encode", encode))


def _network_no_tanh(encoder: Any) -> None:
    import tf_keras

    encoder.get_layer("pooler_transform").activation = tf_keras.activations.linear


def _trace_no_tanh(stack: ExitStack) -> None:
    import tensorflow as tf

    class WithoutTanh:
        tanh = staticmethod(tf.identity)

        def __getattr__(self, name: str) -> Any:
            return getattr(tf, name)

    _trace_attribute("tf", WithoutTanh())(stack)


def _network_last_token(encoder: Any) -> None:
    last = encoder.get_layer(f"transformer/layer_{CONFIG.num_layers - 1}").parts()["output/norm"]
    pooler = encoder.get_layer("pooler_transform")
    normalize, pool, seen = last.call, pooler.call, []

    def normalize_and_keep(inputs: Any) -> Any:
        seen.append(normalize(inputs))
        return seen[-1]

    last.call = normalize_and_keep
    pooler.call = lambda inputs: pool(seen[-1][:, -1])


def _trace_last_token(stack: ExitStack) -> None:
    from bertferry.export import forward

    original = forward.pool

    def pool_last_token(parameters: Any, config: Any, hidden: Any) -> Any:
        return original(parameters, config, hidden[:, ::-1])

    _trace_attribute("pool", pool_last_token)(stack)


def _network_dropout(encoder: Any) -> None:
    import tensorflow as tf
    import tf_keras

    for layer in encoder.submodules:
        if isinstance(layer, tf_keras.layers.Dropout):
            layer.call = lambda inputs, training=None: tf.nn.dropout(inputs, 0.1)


def _trace_dropout(stack: ExitStack) -> None:
    from bertferry.export import forward

    original = forward.encode

    def encode(*arguments: Any, **options: Any) -> Any:
        return original(*arguments, **{**options, "training": True})

    _trace_encode(stack, encode)


@contextmanager
def plant(fault: CodeFault) -> Iterator[None]:
    """Plants the fault in networks that are loaded and modules that are traced here."""
    from bertferry.verify.runners import keras_network

    load = keras_network.load_network

    def load_with_fault(*arguments: Any) -> Any:
        network = load(*arguments)
        fault.network(network)
        return network

    with ExitStack() as stack:
        stack.enter_context(patch.object(keras_network, "load_network", load_with_fault))
        fault.trace(stack)
        yield
