"""Infers the configuration of a checkpoint that has none from the shapes of its tensors."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import NamedTuple

from bertferry.convert.layout import Form, Layout
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
    "embedding": "embedding_size",
}
"""Sizes of a configuration; that of the embeddings is only one if it differs from the hidden size."""
GENERATOR_HEAD_SIZE = 64
"""Of google-research/electra: a generator has as many attention heads of this size as fit, and at least one."""


def infer_config(
    reader: Reader,
    layouts: Iterable[Layout],
    path: Path,
    options: SourceOptions,
    prefix: str | None = None,
) -> EncoderConfig:
    """The sizes that the tensors show under the nearest layout; what they do not show has to be given.

    Two-dimensional kernels hide the number of heads, and no tensor shows the activation. The dropout rates, which
    change nothing at inference, are BERT's.

    Raises:
      UsageError: something that cannot be inferred was not given; the message names the flags.
    """
    layers, sizes = _nearest(reader, [layout for layout in layouts if layout.naming == reader.naming], prefix)
    heads, activation = sizes.get("heads", options.num_attention_heads), options.activation
    missing_axes = [axis for axis in FIELD_OF_AXIS if axis not in sizes and axis != "embedding"]
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
    if sizes["embedding"] == sizes["hidden"]:
        del sizes["embedding"]
    fields = {field: sizes[axis] for axis, field in FIELD_OF_AXIS.items() if axis in sizes}
    counts = {"num_layers": layers, "num_attention_heads": heads}
    return EncoderConfig(**fields, **counts, activation=activation, architecture="bert")


def own_config(reader: Reader, layout: Layout, form: Form, place: str, config: EncoderConfig) -> EncoderConfig:
    """The configuration of an encoder beside the one that the file's configuration describes.

    That of an ELECTRA generator is the discriminator's, but for the sizes that its tensors show:
    https://github.com/google-research/electra/blob/master/pretrain/pretrain_helpers.py, get_generator_config.
    """
    described = f"{form.model_around(place) or ''}{layout.described}encoder/"
    if not layout.described or not any(name.startswith(described) for name in reader.tensors):
        return config
    _, layers, sizes = _shown_at(reader, layout, form, place)
    if not layers or not sizes.keys() >= {"hidden", "intermediate"}:
        return config
    return replace(
        config,
        num_layers=layers,
        hidden_size=sizes["hidden"],
        intermediate_size=sizes["intermediate"],
        num_attention_heads=max(1, sizes["hidden"] // GENERATOR_HEAD_SIZE),
    )


def _nearest(reader: Reader, layouts: list[Layout], prefix: str | None) -> tuple[int, dict[str, int]]:
    """The number of blocks and the sizes under the layout and at the place with the most tensors."""
    shown = (
        _shown_at(reader, layout, form, place)
        for layout in layouts
        for form in layout.forms
        for place in places(reader, layout, form, prefix)
        if form.model_around(place) is not None
    )
    best = max((one for one in shown if one.layers), key=lambda one: one.tensors, default=Shown(0, 0, {}))
    return best.layers, best.sizes


class Shown(NamedTuple):
    """What the tensors of an encoder show: their number, that of its blocks, and the sizes of their axes."""

    tensors: int
    layers: int
    sizes: dict[str, int]


def _shown_at(reader: Reader, layout: Layout, form: Form, place: str) -> Shown:
    encoder = replace(form, heads=())
    layers = _count_layers(reader, layout, encoder, place)
    rows = {
        key: row
        for row in layout.bind(encoder, layers, place)
        if (key := reader.find(row.stored)) is not None
        and len(axes.groups(row.axes)) == len(reader.tensors[key].shape)
    }
    sizes = {axis: size for key, row in rows.items() for axis, size in single_axes(reader.tensors[key], row)}
    return Shown(len(rows), layers, sizes)


def _count_layers(reader: Reader, layout: Layout, form: Form, place: str) -> int:
    """How many consecutive blocks the file has at a place; 0 for a layout whose blocks share their weights."""
    for layers in count():
        block = [row for row in layout.bind(form, layers + 1, place) if f"encoder/{layers}/" in row.parameter]
        if not any(reader.find(row.stored) for row in block):
            return layers
    raise AssertionError("count() never ends")
