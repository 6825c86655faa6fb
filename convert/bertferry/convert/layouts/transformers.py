"""`huggingface_tf` and `huggingface_flax`: what the TensorFlow and Flax classes of transformers saved.

Their names and axes follow from those of the PyTorch classes by rule:
https://github.com/huggingface/transformers/blob/v4.57.6/src/transformers/modeling_tf_pytorch_utils.py and
https://github.com/huggingface/transformers/blob/v4.57.6/src/transformers/modeling_flax_pytorch_utils.py.
"""

import re
from dataclasses import replace

from bertferry.convert.layout import Form, Layout, Row
from bertferry.convert.layouts.ignored import VARIABLE_STATE
from bertferry.core import axes

TABLES = ("embeddings/word", "embeddings/position", "embeddings/segment", "embeddings/relative")
OF_BERT = {"mlm": "mlm___cls", "nsp": "nsp___cls"}
"""The layers in TensorFlow with the heads that are parts of `cls` in PyTorch."""


def _last_name(row: Row, table: str, gamma: str, beta: str) -> str:
    """What a framework calls the parameter of a layer: a table, a scale, a shift, a kernel or a bias."""
    role = row.parameter.rpartition("/")[2]
    if row.parameter in TABLES:
        return table
    return {"gamma": gamma, "beta": beta}.get(role, role)


def _transposed(row: Row) -> str:
    """The axes of a kernel in the order of TensorFlow and Flax: inputs first."""
    if not row.parameter.endswith("kernel"):
        return row.axes
    groups = (f"({' '.join(group)})" if len(group) > 1 else group[0] for group in reversed(axes.groups(row.axes)))
    return " ".join(groups)


def with_flax_names(row: Row) -> Row:
    """The row of a Flax class."""
    path = row.stored.rpartition(".")[0]
    return replace(row, stored=f"{path}.{_last_name(row, 'embedding', 'scale', 'bias')}", axes=_transposed(row))


def with_tf_names(row: Row) -> Row:
    """The row of a TensorFlow class; a block is `layer_._0`."""
    path = row.stored.rpartition(".")[0]
    path = path.replace("{model}cls", f"{{model}}{OF_BERT.get(row.parameter.partition('/')[0])}")
    path = re.sub(r"\.(\{layer\}|\d+)", r"_._\1", path)
    path = re.sub(r"\.(?!_)", "/", path)
    table = "weight" if row.parameter == "embeddings/word" else "embeddings"
    return replace(row, stored=f"{path}/{_last_name(row, table, 'gamma', 'beta')}:0", axes=_transposed(row))


def as_flax(layout: Layout) -> Layout:
    """The layout of the Flax classes of the same architecture."""
    return replace(
        layout,
        name=layout.name.replace("huggingface", "huggingface_flax"),
        summary=f"{layout.architecture.capitalize()} classes of transformers in Flax: msgpack or safetensors",
        encoder=tuple(map(with_flax_names, layout.encoder)),
        heads={head: tuple(map(with_flax_names, rows)) for head, rows in layout.heads.items()},
        copies={},
        target="huggingface",
        configured_mlm=layout.architecture == "electra",  # the PyTorch class always computes the erf gelu
    )


def as_tf(layout: Layout) -> Layout:
    """The layout of the TensorFlow classes of the same architecture."""
    encoder = tuple(map(with_tf_names, layout.encoder))
    heads = {head: tuple(map(with_tf_names, rows)) for head, rows in layout.heads.items()}
    shared = {
        f"{_language_model(heads['mlm'])}/{row.stored}": row.parameter
        for row in encoder
        if "embeddings/" in row.parameter
    }
    return with_used_bias(
        replace(
            layout,
            name=layout.name.replace("huggingface", "huggingface_tf"),
            summary=f"TF{layout.architecture.capitalize()} classes of transformers: tf_model.h5 or safetensors",
            encoder=encoder,
            heads=heads,
            forms=tuple(map(_tf_form, layout.forms)),
            copies=shared,
            target="huggingface",
            ignored={"optimizer_weights/*": "optimizer state"},
        )
    )


def _language_model(rows: tuple[Row, ...]) -> str:
    """The layer with the MLM head, which holds the embeddings too."""
    bias = next(row.stored for row in rows if row.parameter == "mlm/bias")
    return bias.removeprefix("{model}").partition("/")[0]


def with_used_bias(layout: Layout) -> Layout:
    """ALBERT's TensorFlow classes have two biases of the MLM head, of which they add that of the decoder."""
    if layout.architecture != "albert":
        return layout
    unused, used = "predictions/bias:0", "predictions/decoder/bias:0"
    rows = tuple(replace(row, stored=row.stored.replace(unused, used)) for row in layout.heads["mlm"])
    ignored = {**layout.ignored, f"*{unused}": f"not used: the model adds {used}"}
    return replace(layout, heads={**layout.heads, "mlm": rows}, ignored=ignored)


def _tf_form(form: Form) -> Form:
    return replace(form, encoder=form.encoder.replace(".", "/"))


def by_variable(layout: Layout) -> Layout:
    """The same classes in TensorFlow's format: checkpoints, `save_weights`, SavedModels, models around them.

    They name an object by its attribute, a variable by the same name as in HDF5 files, without output number.
    """

    def plain(rows: tuple[Row, ...]) -> tuple[Row, ...]:
        return tuple(replace(row, stored=row.stored.removesuffix(":0")) for row in rows)

    return replace(
        layout,
        name=f"{layout.name}_variables",
        summary=f"TF{layout.architecture.capitalize()} classes of transformers in TensorFlow's format",
        naming="names",
        encoder=plain(layout.encoder),
        heads={head: plain(rows) for head, rows in layout.heads.items()},
        copies={},
        among_others=True,
        ignored=VARIABLE_STATE | {name.removesuffix(":0"): why for name, why in layout.ignored.items()},
    )
