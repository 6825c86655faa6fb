"""Faults of what other encoders of BERT's family compute, in the NumPy network and in ONNX graphs."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from graph_faults import Change, Operation
from numpy_faults import set_attribute

from bertferry.core.config import EncoderConfig
from bertferry.core.relative_positions import BUCKET_OF_DISTANCE
from bertferry.core.tasks import ENCODER_INPUTS

IDS, MASK, _ = ENCODER_INPUTS
SHIFTED = (*BUCKET_OF_DISTANCE[1:], BUCKET_OF_DISTANCE[-1])
"""The bucket of the next distance in place of each."""


@dataclass(frozen=True)
class FamilyFault:
    """Changes the computation: `numpy` of the NumPy network, and `graph` of ONNX graphs."""

    name: str
    numpy: Callable[[ExitStack], None]
    graph: Change
    culprit: str


def family_faults(config: EncoderConfig, heads: tuple[str, ...] = ()) -> Iterator[FamilyFault]:
    """Yields those of the switches that an encoder has."""
    if config.switches.shares_blocks:
        yield FamilyFault(
            "one layer without the bias of the others", _no_bias, _no_bias_in_graphs, "layer_1/attention"
        )
    if config.is_projected:
        yield FamilyFault("norm of the embeddings after their projection", *_norm_last(), "embeddings")
    if config.switches.counts_positions:
        yield from _position_faults(config.pad_id)
    if config.switches.relative_positions:
        yield from _relative_faults()
    if "mlm" in heads:
        yield FamilyFault("tanh for erf in the head's gelu", _tanh, _renamed("Erf", "Tanh"), "")


def _position_faults(pad: int) -> Iterator[FamilyFault]:
    """Positions that are counted otherwise."""

    def by(numbers: Callable[..., Any]) -> Callable[[ExitStack], None]:
        return set_attribute("encoder.find_positions", lambda config, ids: numbers(ids))

    def counted(ids: np.ndarray, padding: int, first: int) -> np.ndarray:
        tokens = ids != padding
        return np.cumsum(tokens, axis=1) * tokens + first

    yield FamilyFault(
        "the first position is that of padding",
        by(lambda ids: counted(ids, pad, pad - 1)),
        _positions(first=pad - 1),
        "embeddings",
    )
    yield FamilyFault(
        "another id of padding",
        by(lambda ids: counted(ids, pad - 1, pad)),
        _positions(padding=pad - 1),
        "embeddings",
    )
    yield FamilyFault(
        "padding counts as tokens", by(lambda ids: counted(ids, -1, pad)), _positions(padding=-1), "embeddings"
    )
    yield FamilyFault("positions counted over the mask", _by_mask(pad), _positions_by_mask, "embeddings")


def _by_mask(pad: int) -> Callable[[ExitStack], None]:
    def plant(stack: ExitStack) -> None:
        from bertferry.verify.numpy_network import heads

        encode, masks = heads.encode, []

        def encode_and_keep(weights: Any, config: Any, inputs: Any, keep: Any, **options: Any) -> Any:
            masks.append(inputs[MASK])
            return encode(weights, config, inputs, keep, **options)

        def find_positions(config: Any, ids: Any) -> Any:
            return np.cumsum(masks[-1], axis=1) * masks[-1] + pad

        set_attribute("heads.encode", encode_and_keep)(stack)
        set_attribute("encoder.find_positions", find_positions)(stack)

    return plant


def _positions(**changed: int) -> Change:
    """Another `padding`, or another row of the `first` position."""

    def change(graph: Any, operation: Operation) -> Operation:
        what = {"Equal": "padding", "Add": "first"}.get(operation.op, "")
        if what not in changed or not operation.inputs[1].startswith("int64_"):
            return operation
        return replace(operation, inputs=[operation.inputs[0], graph.constant(changed[what])])

    return change


def _positions_by_mask(graph: Any, operation: Operation) -> Operation:
    if operation.op != "Equal":
        return operation
    return replace(operation, inputs=[graph.cast(MASK, "int64"), graph.constant(0)])


def _relative_faults() -> Iterator[FamilyFault]:
    def transposed(stack: ExitStack) -> None:
        from bertferry.verify.numpy_network import encoder

        original = encoder.relative_bias
        set_attribute("encoder.relative_bias", lambda *arguments: original(*arguments).transpose(0, 2, 1))(stack)

    def turned(graph: Any, operation: Operation) -> Operation:
        if operation.attributes != {"perm": [2, 0, 1]}:
            return operation
        return replace(operation, attributes={"perm": [2, 1, 0]})

    def shifted(graph: Any, operation: Operation) -> Operation:
        if operation.op != "Gather" or operation.inputs[0] != graph.constant(BUCKET_OF_DISTANCE):
            return operation
        return replace(operation, inputs=[graph.constant(SHIFTED), operation.inputs[1]])

    yield FamilyFault("bias by relative position transposed", transposed, turned, "layer_0/attention")
    yield FamilyFault(
        "buckets of relative positions off by one",
        set_attribute("encoder.BUCKET_OF_DISTANCE", SHIFTED),
        shifted,
        "layer_0/attention",
    )


def _no_bias(stack: ExitStack) -> None:
    """The output of attention in layer 1 without its bias."""
    from bertferry.verify.numpy_network import encoder

    attend, layers = encoder.attend, []

    def attend_without(weights: Any, config: Any, place: str, *arguments: Any) -> Any:
        layers.append(place)
        if (len(layers) - 1) % config.num_layers == 1:
            weights = {**weights, f"{place}/output/bias": weights[f"{place}/output/bias"] * 0}
        return attend(weights, config, place, *arguments)

    set_attribute("encoder.attend", attend_without)(stack)


def _no_bias_in_graphs(graph: Any, operation: Operation) -> Operation:
    if operation.output != "layer_1/attention":
        return operation
    return Operation("Identity", operation.inputs[:1], operation.output, {})


def _norm_last() -> tuple[Callable[[ExitStack], None], Change]:
    """The projected embeddings normalized, without scale and shift, which have another width."""

    def numpy(stack: ExitStack) -> None:
        from bertferry.verify.numpy_network import encoder

        dense = encoder.dense

        def dense_and_norm(vectors: Any, weights: Any, place: str, *more: Any) -> Any:
            projected = dense(vectors, weights, place, *more)
            if place != "embeddings/projection":
                return projected
            projected -= projected.mean(axis=-1, keepdims=True)
            return projected / projected.std(axis=-1, keepdims=True)

        set_attribute("encoder.dense", dense_and_norm)(stack)

    def graph(graph: Any, operation: Operation) -> Operation:
        if operation.output != "embeddings":
            return operation
        projected = graph.add(operation.op, operation.inputs)
        centered = graph.add("Sub", [projected, graph.add("ReduceMean", [projected], axes=[-1])])
        squares = graph.add("ReduceMean", [graph.add("Mul", [centered, centered])], axes=[-1])
        return Operation("Div", [centered, graph.add("Sqrt", [squares])], operation.output, {})

    return numpy, graph


def _tanh(stack: ExitStack) -> None:
    from bertferry.verify.numpy_network import heads

    def gelu(x: np.ndarray) -> None:
        x *= (1 + np.tanh(x * np.float32(np.sqrt(0.5)))) / 2

    set_attribute("heads.ACTIVATION_FUNCTIONS", {**heads.ACTIVATION_FUNCTIONS, "gelu_erf": gelu})(stack)


def _renamed(op: str, other: str) -> Change:
    return lambda graph, operation: replace(operation, op=other) if operation.op == op else operation
