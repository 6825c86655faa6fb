"""The faults that a verifier has to catch, and how each is planted in a sound artefact.

Faults of the weights are planted in the checkpoint, from which modules and ONNX files are then exported; faults of
the computation in the Keras network and, for modules and ONNX files, in what traces them; faults of the outputs
and of the interface in the finished artefact (`planting.py`).
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

import numpy as np

from bertferry.modeling.config import EncoderConfig

Values = dict[str, np.ndarray]
"""Parameters by canonical name, in the shapes of tf1."""

CONFIG = EncoderConfig(
    vocab_size=37,
    hidden_size=16,
    num_layers=3,
    num_attention_heads=4,
    intermediate_size=24,
    max_position_embeddings=16,
    type_vocab_size=3,
    activation="gelu_tanh",
)
LAYER = "encoder/1"
"""The block that faults of a single one are planted in: neither the first nor the last."""
PROJECTIONS = ("query", "key", "value", "output")
BIASES = (
    "attention/query/bias",
    "attention/value/bias",
    "attention/output/bias",
    "intermediate/bias",
    "output/bias",
)


@dataclass(frozen=True)
class WeightFault:
    """Changes values in place; may return another configuration. `culprit` is the point where it begins."""

    name: str
    change: Callable[[Values], EncoderConfig | None]
    culprit: str


@dataclass(frozen=True)
class CodeFault:
    """Changes the computation: `network` a Keras network, `trace` what modules and ONNX files are traced from."""

    name: str
    network: Callable[[Any], None]
    trace: Callable[[ExitStack], None]
    culprit: str


def weight_faults() -> Iterator[WeightFault]:
    """Every fault that stands in the file."""
    attention = f"{LAYER}/attention"
    yield WeightFault(
        "query and key swapped", _swap(f"{attention}/query", f"{attention}/key"), "layer_1/attention"
    )
    for projection in PROJECTIONS:
        kernel = f"{attention}/{projection}/kernel"
        yield WeightFault(f"{projection} kernel transposed", _turn(kernel), "layer_1/attention")
    yield WeightFault("pooler kernel transposed", _turn("pooler/kernel"), "pooler")
    for projection in PROJECTIONS:
        yield WeightFault(
            f"heads of the {projection} projection permuted",
            _permute_heads(f"{attention}/{projection}"),
            "layer_1/attention",
        )
    for bias in BIASES:
        point = "layer_1/attention" if bias.startswith("attention") else "layer_1/output"
        yield WeightFault(f"{bias} dropped", _set(f"{LAYER}/{bias}", lambda value: value * 0), point)
        yield WeightFault(f"{bias} of another layer", _copy(f"{LAYER}/{bias}", f"encoder/2/{bias}"), point)
    for place, point in (
        ("embeddings/norm", "embeddings"),
        (f"{attention}/norm", "layer_1/attention_norm"),
        (f"{LAYER}/output/norm", "layer_1/output"),
    ):
        yield WeightFault(f"gamma and beta of {place} swapped", _swap(f"{place}/gamma", f"{place}/beta"), point)
    scale = float(np.sqrt(CONFIG.head_size))
    yield WeightFault(
        "attention scale missing",
        _set(f"{attention}/query", lambda value: value * scale),
        "layer_1/attention",
    )
    yield WeightFault(
        "erf gelu for tanh gelu", lambda values: replace(CONFIG, activation="gelu_erf"), "layer_0/output"
    )
    yield WeightFault(
        "positions off by one",
        _set("embeddings/position", lambda value: np.roll(value, 1, axis=0)),
        "embeddings",
    )
    yield WeightFault(
        "end of the position table lost", _set("embeddings/position", _without_last_row), "embeddings"
    )
    yield WeightFault("layers 1 and 2 swapped", _swap("encoder/1/", "encoder/2/"), "layer_1/attention")
    yield WeightFault("layer 1 skipped", _skip_layer, "layer_1/attention")
    yield WeightFault("two rows of the word table swapped", _set("embeddings/word", _rows_swapped), "embeddings")
    yield WeightFault(
        "one element of a kernel changed", _set(f"{LAYER}/output/kernel", _one_element), "layer_1/output"
    )


def _swap(one: str, other: str) -> Callable[[Values], None]:
    """Exchanges two parameters, or everything below two places."""

    def change(values: Values) -> None:
        for name in [name for name in values if name.startswith(one)]:
            there = other + name[len(one) :]
            values[name], values[there] = values[there], values[name]

    return change


def _set(place: str, edit: Callable[[np.ndarray], np.ndarray]) -> Callable[[Values], None]:
    def change(values: Values) -> None:
        values.update({name: edit(value.copy()) for name, value in values.items() if name.startswith(place)})

    return change


def _copy(target: str, source: str) -> Callable[[Values], None]:
    return lambda values: values.update({target: values[source]})


def _turn(kernel: str) -> Callable[[Values], None]:
    return _set(kernel, lambda value: np.ascontiguousarray(value.T))


def _permute_heads(projection: str) -> Callable[[Values], None]:
    """The heads in reverse, in kernel and bias; the output's heads are its kernel's rows."""

    def change(values: Values) -> None:
        for name in [name for name in values if name.startswith(projection)]:
            if name.endswith("output/bias"):
                continue  # it has no heads
            axis = 0 if name.endswith("output/kernel") else -1
            columns = np.arange(CONFIG.hidden_size).reshape(CONFIG.num_attention_heads, -1)[::-1].ravel()
            values[name] = np.take(values[name], columns, axis=axis)

    return change


def _skip_layer(values: Values) -> EncoderConfig:
    for name in [name for name in values if name.startswith("encoder/1/")]:
        values[name] = values.pop(name.replace("encoder/1/", "encoder/2/"))
    return replace(CONFIG, num_layers=2)


def _without_last_row(table: np.ndarray) -> np.ndarray:
    table[-1] = 0
    return table


def _rows_swapped(table: np.ndarray) -> np.ndarray:
    table[[7, 8]] = table[[8, 7]]
    return table


def _one_element(kernel: np.ndarray) -> np.ndarray:
    kernel[0, 0] += 0.01
    return kernel


def code_faults() -> Iterator[CodeFault]:
    """Every fault of the computation."""
    yield CodeFault(
        "ε 1e-3 for 1e-12", _network_epsilon, _trace_attribute("LAYER_NORM_EPSILON", 1e-3), "embeddings"
    )
    yield CodeFault("embedding LayerNorm skipped", _network_no_norm, _trace_no_norm, "embeddings")
    yield CodeFault(
        "mask ignored", *_inputs_changed(lambda ids, mask, types: (ids, mask * 0 + 1, types)), ATTENTION
    )
    yield CodeFault("mask inverted", *_inputs_changed(lambda ids, mask, types: (ids, 1 - mask, types)), ATTENTION)
    yield CodeFault(
        "segment ids ignored", *_inputs_changed(lambda ids, mask, types: (ids, mask, types * 0)), "embeddings"
    )
    yield CodeFault("pooler without its tanh", _network_no_tanh, _trace_no_tanh, "pooler")
    yield CodeFault("pooler over the last token", _network_last_token, _trace_last_token, "pooler")
    yield CodeFault("dropout in inference", _network_dropout, _trace_dropout, "embeddings")


ATTENTION = "layer_0/attention"


def _trace_attribute(name: str, value: Any) -> Callable[[ExitStack], None]:
    def trace(stack: ExitStack) -> None:
        stack.enter_context(patch(f"bertferry.export.forward.{name}", value))

    return trace


def _network_epsilon(encoder: Any) -> None:
    import tf_keras

    for layer in encoder.submodules:
        if isinstance(layer, tf_keras.layers.LayerNormalization):
            layer.epsilon = 1e-3


def _network_no_norm(encoder: Any) -> None:
    encoder.get_layer("embeddings/layer_norm").call = lambda inputs: inputs


def _trace_no_norm(stack: ExitStack) -> None:
    from bertferry.export import forward

    original = forward.layer_norm

    def layer_norm(inputs: Any, parameters: Any, place: str) -> Any:
        return inputs if place == "embeddings/norm" else original(inputs, parameters, place)

    _trace_attribute("layer_norm", layer_norm)(stack)


def _inputs_changed(change: Callable[..., Any]) -> tuple[Callable[[Any], None], Callable[[ExitStack], None]]:
    """What the encoder is given is something else than what its caller gave."""

    def network(encoder: Any) -> None:
        original = encoder.call

        def call(inputs: Any, training: Any = None, mask: Any = None) -> Any:
            return original(list(change(*inputs)), training=training)

        encoder.call = call

    def trace(stack: ExitStack) -> None:
        from bertferry.export import forward

        original = forward.encode

        def encode(parameters: Any, config: Any, *inputs: Any, training: bool) -> Any:
            return original(parameters, config, *change(*inputs), training=training)

        _trace_encode(stack, encode)

    return network, trace


def _trace_encode(stack: ExitStack, encode: Any) -> None:
    for module in ("hub_module", "tasks"):
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
    last = encoder.get_layer(f"transformer/layer_{CONFIG.num_layers - 1}")._output_layer_norm
    pooler = encoder.get_layer("pooler_transform")
    normalize, pool, seen = last.call, pooler.call, []

    def kept(inputs: Any) -> Any:
        seen.append(normalize(inputs))
        return seen[-1]

    last.call = kept
    pooler.call = lambda inputs: pool(seen[-1][:, -1])


def _trace_last_token(stack: ExitStack) -> None:
    from bertferry.export import forward

    run, dense = forward._Block.run, forward.dense
    seen: list[Any] = []

    def kept(block: Any, hidden: Any, bias: Any, named: Any) -> Any:
        seen.append(run(block, hidden, bias, named))
        return seen[-1]

    def pooled(inputs: Any, parameters: Any, place: str) -> Any:
        return dense(seen[-1][:, -1] if place == "pooler" else inputs, parameters, place)

    _trace_attribute("_Block.run", kept)(stack)
    _trace_attribute("dense", pooled)(stack)


def _network_dropout(encoder: Any) -> None:
    import tensorflow as tf
    import tf_keras

    for layer in encoder.submodules:
        if isinstance(layer, tf_keras.layers.Dropout):
            layer.call = lambda inputs, training=None: tf.nn.dropout(inputs, 0.1)


def _trace_dropout(stack: ExitStack) -> None:
    from bertferry.export import forward

    original = forward.encode

    def encode(parameters: Any, config: Any, *inputs: Any, training: bool) -> Any:
        return original(parameters, config, *inputs, training=True)

    _trace_encode(stack, encode)


@contextmanager
def planted(fault: CodeFault) -> Iterator[None]:
    """While it lasts, networks that are loaded and modules that are traced have the fault."""
    from bertferry.verify.runners import checkpoint

    load = checkpoint.load_network

    def faulty(*arguments: Any) -> Any:
        network = load(*arguments)
        fault.network(network)
        return network

    with ExitStack() as stack:
        stack.enter_context(patch.object(checkpoint, "load_network", faulty))
        fault.trace(stack)
        yield
