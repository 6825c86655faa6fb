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
from bertferry.convert.configuration import bert_config
from bertferry.convert.layouts.tf1 import TF1
from bertferry.core import axes
from bertferry.core.config import EncoderConfig
from bertferry.core.parameters import axis_sizes
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


def values(config: EncoderConfig, seed: int = 0, spread: float = 0.04) -> Iterator[tuple[str, np.ndarray]]:
    """Yields parameters in tf1's shapes: norms around 1, the rest with a standard deviation as after training."""
    rng = np.random.default_rng(seed)
    sizes = axis_sizes(config)
    for row in TF1.bind(TF1.forms[0], config.num_layers):
        center, width = (1.0, 0.1) if row.parameter.endswith("norm/gamma") else (0.0, spread)
        drawn = rng.standard_normal(axes.shape(row.axes, sizes), dtype=np.float32)
        yield row.parameter, drawn * np.float32(width) + np.float32(center)


def write(folder: Path, config: EncoderConfig, drawn: Iterable[tuple[str, np.ndarray]]) -> None:
    """Writes the checkpoint, its configuration and a vocabulary to a folder, which may exist."""
    stored = {row.parameter: row.stored for row in TF1.bind(TF1.forms[0], config.num_layers)}
    folder.mkdir(parents=True, exist_ok=True)
    with BundleWriter(folder / "bert_model.ckpt") as writer:
        for parameter, array in drawn:
            writer.add(stored[parameter], array.dtype.name, array.shape, [array.tobytes()])
    (folder / "bert_config.json").write_text(json.dumps(bert_config(config), indent=2) + "\n")
    words = [*SPECIAL, *(f"word{number}" for number in range(config.vocab_size - len(SPECIAL)))]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")


def main() -> None:
    size, folder = sys.argv[1], Path(sys.argv[2])
    config = config_of(size)
    write(folder, config, values(config))


if __name__ == "__main__":
    with hold_back_stderr():
        main()
