"""Faults in a checkpoint's weights, and so in every module and ONNX file exported from it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from bertferry.core.config import EncoderConfig

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


def weight_faults(config: EncoderConfig = CONFIG) -> Iterator[WeightFault]:
    """Yields every fault of the weights of an encoder.

    Those of a single block are in neither the first nor the last, unless all layers share one.
    """
    shared = config.switches.shares_blocks
    block, layer = config.block(1), f"layer_{0 if shared else 1}"
    yield from _block_faults(config, block, layer)
    if not shared:
        for bias in BIASES:
            point = f"{layer}/attention" if bias.startswith("attention") else f"{layer}/output"
            yield WeightFault(f"{bias} of another layer", _copy(f"{block}/{bias}", f"encoder/2/{bias}"), point)
        yield WeightFault("layers 1 and 2 swapped", _swap("encoder/1/", "encoder/2/"), "layer_1/attention")
        yield WeightFault("layer 1 skipped", partial(_skip_layer, config), "layer_1/attention")
    else:
        fewer = replace(config, num_layers=config.num_layers - 1)
        yield WeightFault("last layer skipped", lambda values: fewer, f"layer_{fewer.num_layers}/attention")
    other = "gelu_tanh" if config.activation == "gelu_erf" else "gelu_erf"
    yield WeightFault(
        f"{_in_words(other)} for {_in_words(config.activation)}",
        lambda values: replace(config, activation=other),
        "layer_0/output",
    )
    yield WeightFault("pooler kernel transposed", _transpose("pooler/kernel"), "pooler")
    yield from _embedding_faults(config)


def _block_faults(config: EncoderConfig, block: str, layer: str) -> Iterator[WeightFault]:
    attention = f"{block}/attention"
    yield WeightFault(
        "query and key swapped", _swap(f"{attention}/query", f"{attention}/key"), f"{layer}/attention"
    )
    for projection in PROJECTIONS:
        kernel = f"{attention}/{projection}/kernel"
        yield WeightFault(f"{projection} kernel transposed", _transpose(kernel), f"{layer}/attention")
    for projection in PROJECTIONS:
        yield WeightFault(
            f"heads of the {projection} projection permuted",
            _permute_heads(config, f"{attention}/{projection}"),
            f"{layer}/attention",
        )
    for bias in BIASES:
        point = f"{layer}/attention" if bias.startswith("attention") else f"{layer}/output"
        yield WeightFault(f"{bias} dropped", _drop(f"{block}/{bias}"), point)
    for place, point in (
        (f"{attention}/norm", f"{layer}/attention_norm"),
        (f"{block}/output/norm", f"{layer}/output"),
    ):
        yield _swapped_norm(place, point)
    scale = float(np.sqrt(config.head_size))
    yield WeightFault(
        "attention scale missing",
        _edit(f"{attention}/query", lambda value: value * scale),
        f"{layer}/attention",
    )
    yield WeightFault(
        "one element of a kernel changed", _edit(f"{block}/output/kernel", _change_one_element), f"{layer}/output"
    )


def _embedding_faults(config: EncoderConfig) -> Iterator[WeightFault]:
    yield _swapped_norm("embeddings/norm", "embeddings")
    yield WeightFault(
        "positions off by one",
        _edit("embeddings/position", lambda value: np.roll(value, 1, axis=0)),
        "embeddings",
    )
    yield WeightFault(
        "end of the position table lost", _edit("embeddings/position", _clear_last_row), "embeddings"
    )
    yield WeightFault("two rows of the word table swapped", _edit("embeddings/word", _swap_two_rows), "embeddings")
    yield WeightFault("last row of the word table lost", _edit("embeddings/word", _clear_last_row), "embeddings")
    if config.switches.has_segments:
        yield WeightFault("last segment lost", _edit("embeddings/segment", _clear_last_row), "embeddings")
    if config.is_projected:
        yield WeightFault("bias of the projection dropped", _drop("embeddings/projection/bias"), "embeddings")
    if config.switches.relative_positions:
        relative = "embeddings/relative"
        yield WeightFault("bias by relative position dropped", _drop(relative), "layer_0/attention")
        yield WeightFault(
            "heads of the bias by relative position permuted",
            _edit(relative, lambda value: value[:, ::-1]),
            "layer_0/attention",
        )


def masked_lm_faults() -> Iterator[WeightFault]:
    """Yields those of a masked-LM head, after the last point that is compared."""
    yield WeightFault("mlm/dense/kernel transposed", _transpose("mlm/dense/kernel"), "")
    yield WeightFault("mlm/dense/bias dropped", _drop("mlm/dense/bias"), "")
    yield WeightFault("mlm/bias dropped", _drop("mlm/bias"), "")
    yield _swapped_norm("mlm/norm", "")


def _in_words(activation: str) -> str:
    """`tanh gelu` for `gelu_tanh`."""
    return " ".join(reversed(activation.split("_")))


def _swapped_norm(place: str, point: str) -> WeightFault:
    return WeightFault(f"gamma and beta of {place} swapped", _swap(f"{place}/gamma", f"{place}/beta"), point)


def _drop(place: str) -> Callable[[Values], None]:
    return _edit(place, lambda value: value * 0)


def _swap(first: str, second: str) -> Callable[[Values], None]:
    """Swaps two parameters, or everything below two prefixes."""

    def change(values: Values) -> None:
        for name in [name for name in values if name.startswith(first)]:
            counterpart = second + name[len(first) :]
            values[name], values[counterpart] = values[counterpart], values[name]

    return change


def _edit(place: str, edit: Callable[[np.ndarray], np.ndarray]) -> Callable[[Values], None]:
    def change(values: Values) -> None:
        values.update({name: edit(value.copy()) for name, value in values.items() if name.startswith(place)})

    return change


def _copy(target: str, source: str) -> Callable[[Values], None]:
    return lambda values: values.update({target: values[source]})


def _transpose(kernel: str) -> Callable[[Values], None]:
    return _edit(kernel, lambda value: np.ascontiguousarray(value.T))


def _permute_heads(config: EncoderConfig, projection: str) -> Callable[[Values], None]:
    """Reverses the order of the heads in kernel and bias; the output projection's heads are its kernel's rows."""

    def change(values: Values) -> None:
        for name in [name for name in values if name.startswith(projection)]:
            if name.endswith("output/bias"):
                continue  # it has no heads
            axis = 0 if name.endswith("output/kernel") else -1
            columns = np.arange(config.hidden_size).reshape(config.num_attention_heads, -1)[::-1].ravel()
            values[name] = np.take(values[name], columns, axis=axis)

    return change


def _skip_layer(config: EncoderConfig, values: Values) -> EncoderConfig:
    for name in [name for name in values if name.startswith("encoder/1/")]:
        values[name] = values.pop(name.replace("encoder/1/", "encoder/2/"))
    return replace(config, num_layers=2)


def _clear_last_row(table: np.ndarray) -> np.ndarray:
    table[-1] = 0
    return table


def _swap_two_rows(table: np.ndarray) -> np.ndarray:
    table[[0, -1]] = table[[-1, 0]]  # which every comparison uses
    return table


def _change_one_element(kernel: np.ndarray) -> np.ndarray:
    kernel[0, 0] += 0.01
    return kernel
