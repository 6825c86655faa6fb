"""Infers the configuration of a checkpoint that has none from the shapes of its tensors."""

from collections.abc import Iterable
from itertools import count
from pathlib import Path

from bertferry.convert.layout import Form, Layout, Row
from bertferry.convert.match import places, single_axes
from bertferry.convert.readers.reader import Reader
from bertferry.convert.source_options import SourceOptions
from bertferry.core import axes
from bertferry.core.config import EncoderConfig
from bertferry.core.errors import UsageError

FIELD_OF_AXIS = {
    "vocab": "vocab_size",
    "hidden": "hidden_size",
    "intermediate": "intermediate_size",
    "position": "max_position_embeddings",
    "segment": "type_vocab_size",
}


def infer_config(
    reader: Reader,
    layouts: Iterable[Layout],
    path: Path,
    options: SourceOptions,
) -> EncoderConfig:
    """The sizes that the tensors show under the nearest layout; what they do not show has to be given.

    Two-dimensional kernels hide the number of heads, and no tensor shows the activation. The dropout rates, which
    change nothing at inference, are BERT's.

    Raises:
      UsageError: something that cannot be inferred was not given; the message names the flags.
    """
    layers, rows = _nearest(reader, [layout for layout in layouts if layout.naming == reader.naming])
    sizes: dict[str, int] = {}
    for key, row in rows.items():
        sizes.update(single_axes(reader.tensors[key], row))
    heads, activation = sizes.get("heads", options.num_attention_heads), options.activation
    missing_axes = [axis for axis in FIELD_OF_AXIS if axis not in sizes]
    if not layers or missing_axes:
        raise UsageError(f"{path}: no configuration found", "name one with --config FILE")
    missing_flags = [
        flag
        for flag, value in (("--num-attention-heads N", heads), ("--activation NAME", activation))
        if value is None
    ]
    if missing_flags or heads is None or activation is None:
        raise UsageError(
            f"{path}: no configuration found, and the tensors show only the sizes",
            f"give {' and '.join(missing_flags)}, or --config FILE",
        )
    fields = {field: sizes[axis] for axis, field in FIELD_OF_AXIS.items()}
    return EncoderConfig(**fields, num_layers=layers, num_attention_heads=heads, activation=activation)


def _nearest(reader: Reader, layouts: list[Layout]) -> tuple[int, dict[str, Row]]:
    """The number of blocks and the rows, by key, under the layout and at the place with the most tensors."""
    best: tuple[int, dict[str, Row]] = (0, {})
    for layout in layouts:
        for form in layout.forms:
            for place in places(reader, layout, form, None):
                layers = _count_layers(reader, layout, place)
                rows = {
                    key: row
                    for row in layout.bind(Form(), layers, place)
                    if (key := reader.find(row.stored)) is not None
                    and len(axes.groups(row.axes)) == len(reader.tensors[key].shape)
                }
                if layers and len(rows) > len(best[1]):
                    best = layers, rows
    return best


def _count_layers(reader: Reader, layout: Layout, place: str) -> int:
    """How many consecutive blocks the file has at a place; 0 for a layout whose blocks share their weights."""
    for layers in count():
        block = [row for row in layout.bind(Form(), layers + 1, place) if f"encoder/{layers}/" in row.parameter]
        if not any(reader.find(row.stored) for row in block):
            return layers
    raise AssertionError("count() never ends")
