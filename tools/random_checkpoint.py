"""Writes a random BERT of a released size as a tf1 checkpoint with its configuration and a vocabulary.

Usage: random_checkpoint.py base|large|tiny DIR

Every weight is random, including norms and biases. The same size always gives the same values.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from bertferry.convert.bundle import BundleWriter
from bertferry.convert.classifier_config import ClassifierConfig
from bertferry.convert.configuration import bert_config, write_configuration
from bertferry.convert.layout import Layout, Row
from bertferry.convert.layouts.tf1 import TF1
from bertferry.convert.writers.content import TensorContent
from bertferry.convert.writers.safetensors import write_safetensors
from bertferry.core import axes
from bertferry.core.config import EncoderConfig
from bertferry.core.parameters import axis_sizes, canonical_axes
from bertferry.core.quiet import hold_back_stderr

SIZES = {"tiny": (128, 2, 2), "base": (768, 12, 12), "large": (1024, 24, 16)}
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def config_of(size: str) -> EncoderConfig:
    """The configuration of google-research/bert's uncased model of this size."""
    hidden, layers, heads = SIZES[size]
    return EncoderConfig(
        vocab_size=30522,
        hidden_size=hidden,
        num_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * hidden,
        max_position_embeddings=512,
        type_vocab_size=2,
        activation="gelu_tanh",
    )


def values(
    config: EncoderConfig,
    seed: int = 0,
    spread: float = 0.04,
    layout: Layout = TF1,
    heads: tuple[str, ...] = (),
    **sizes: int,
) -> Iterator[tuple[str, np.ndarray]]:
    """Yields parameters in tf1's shapes: norms around 1, the rest with a standard deviation as after training.

    `sizes` are those of axes that the configuration does not determine.
    """
    rng = np.random.default_rng(seed)
    for row in _rows(config, layout, heads):
        center, width = (1.0, 0.1) if row.parameter.endswith("norm/gamma") else (0.0, spread)
        shape = axes.shape(_tf1_axes(row.parameter), {**axis_sizes(config), **sizes})
        drawn = rng.standard_normal(shape, dtype=np.float32)
        yield row.parameter, drawn * np.float32(width) + np.float32(center)


def write(
    folder: Path,
    config: EncoderConfig,
    drawn: Iterable[tuple[str, np.ndarray]],
    layout: Layout = TF1,
    heads: tuple[str, ...] = (),
    **sizes: int,
) -> None:
    """Writes a checkpoint, its configuration and, of a BERT, a vocabulary to a folder, which may exist."""
    rows = {row.parameter: row for row in _rows(config, layout, heads)}
    sizes = {**axis_sizes(config), **sizes}
    folder.mkdir(parents=True, exist_ok=True)
    tensors = (
        TensorContent(row.stored, array.dtype.name, axes.shape(row.axes, sizes), [arranged.tobytes()])
        for row, array in ((rows[name], array) for name, array in drawn)
        for arranged in [axes.rearrange(array, _tf1_axes(row.parameter), row.axes, sizes)]
    )
    if layout.naming == "safetensors":
        write_safetensors(folder / "model.safetensors", tensors)
        write_configuration(folder, config, layout, heads, ClassifierConfig(), sizes.get("classes"))
        return
    with BundleWriter(folder / "bert_model.ckpt") as writer:
        for tensor in tensors:
            writer.add(tensor.name, tensor.dtype, tensor.shape, tensor.pieces)
    (folder / "bert_config.json").write_text(json.dumps(bert_config(config), indent=2) + "\n")
    if config.architecture == "bert":
        _write_vocabulary(folder, config)


def _rows(config: EncoderConfig, layout: Layout, heads: tuple[str, ...]) -> Iterator[Row]:
    form = layout.form_with(heads)
    assert form is not None, f"{layout.name} has no file for {heads}"
    return layout.bind(form, config.num_layers, sizes=axis_sizes(config))


def _tf1_axes(parameter: str) -> str:
    """The axes of a parameter in tf1's shape: heads are no axis of their own."""
    return canonical_axes(parameter).replace("heads head_size", "(heads head_size)")


def _write_vocabulary(folder: Path, config: EncoderConfig) -> None:
    words = [*SPECIAL, *(f"word{number}" for number in range(config.vocab_size - len(SPECIAL)))]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")


def main() -> None:
    size, folder = sys.argv[1], Path(sys.argv[2])
    config = config_of(size)
    write(folder, config, values(config))


if __name__ == "__main__":
    with hold_back_stderr():
        main()
