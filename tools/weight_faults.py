"""Faults in a checkpoint's weights, and so in every module and ONNX file exported from it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

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
LAYER = "encoder/1"
"""The block in which single-block faults are planted: neither the first nor the last."""
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


def weight_faults() -> Iterator[WeightFault]:
    """Yields every fault of the weights."""
    attention = f"{LAYER}/attention"
    yield WeightFault(
        "query and key swapped", _swap(f"{attention}/query", f"{attention}/key"), "layer_1/attention"
    )
    for projection in PROJECTIONS:
        kernel = f"{attention}/{projection}/kernel"
        yield WeightFault(f"{projection} kernel transposed", _transpose(kernel), "layer_1/attention")
    yield WeightFault("pooler kernel transposed", _transpose("pooler/kernel"), "pooler")
    for projection in PROJECTIONS:
        yield WeightFault(
            f"heads of the {projection} projection permuted",
            _permute_heads(f"{attention}/{projection}"),
            "layer_1/attention",
        )
    for bias in BIASES:
        point = "layer_1/attention" if bias.startswith("attention") else "layer_1/output"
        yield WeightFault(f"{bias} dropped", _edit(f"{LAYER}/{bias}", lambda value: value * 0), point)
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
        _edit(f"{attention}/query", lambda value: value * scale),
        "layer_1/attention",
    )
    yield WeightFault(
        "erf gelu for tanh gelu", lambda values: replace(CONFIG, activation="gelu_erf"), "layer_0/output"
    )
    yield WeightFault(
        "positions off by one",
        _edit("embeddings/position", lambda value: np.roll(value, 1, axis=0)),
        "embeddings",
    )
    yield WeightFault(
        "end of the position table lost", _edit("embeddings/position", _clear_last_row), "embeddings"
    )
    yield WeightFault("layers 1 and 2 swapped", _swap("encoder/1/", "encoder/2/"), "layer_1/attention")
    yield WeightFault("layer 1 skipped", _skip_layer, "layer_1/attention")
    yield WeightFault("two rows of the word table swapped", _edit("embeddings/word", _swap_two_rows), "embeddings")
    yield WeightFault("last row of the word table lost", _edit("embeddings/word", _clear_last_row), "embeddings")
    yield WeightFault("last segment lost", _edit("embeddings/segment", _clear_last_row), "embeddings")
    yield WeightFault(
        "one element of a kernel changed", _edit(f"{LAYER}/output/kernel", _change_one_element), "layer_1/output"
    )


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


def _permute_heads(projection: str) -> Callable[[Values], None]:
    """Reverses the order of the heads in kernel and bias; the output projection's heads are its kernel's rows."""

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


def _clear_last_row(table: np.ndarray) -> np.ndarray:
    table[-1] = 0
    return table


def _swap_two_rows(table: np.ndarray) -> np.ndarray:
    table[[7, 8]] = table[[8, 7]]
    return table


def _change_one_element(kernel: np.ndarray) -> np.ndarray:
    kernel[0, 0] += 0.01
    return kernel
