"""`keras_bert`: the functional `TransformerEncoder` of November 2019, an object graph; kernels are 3-D.

The networks of the other architectures have the same layers, but for a few: their layouts follow from the same table.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from bertferry.convert.layout import Form, Layout, Row, table
from bertferry.convert.layouts.ignored import OBJECT_STATE
from bertferry.core.architectures import ARCHITECTURES, Architecture

ENCODER_TABLE = table("""
embeddings/word                               | {encoder}layer_with_weights-{number}/embeddings                                       | vocab embedding           | word_embeddings/embeddings
embeddings/position                           | {encoder}layer_with_weights-{number}/embeddings                                       | position embedding        | position_embedding/embeddings
embeddings/segment                            | {encoder}layer_with_weights-{number}/embeddings                                       | segment embedding         | type_embeddings/embeddings
embeddings/norm/gamma                         | {encoder}layer_with_weights-{number}/gamma                                            | embedding                 | embeddings/layer_norm/gamma
embeddings/norm/beta                          | {encoder}layer_with_weights-{number}/beta                                             | embedding                 | embeddings/layer_norm/beta
embeddings/projection/kernel                  | {encoder}layer_with_weights-{number}/kernel                                           | embedding hidden          | embedding_projection/kernel
embeddings/projection/bias                    | {encoder}layer_with_weights-{number}/bias                                             | hidden                    | embedding_projection/bias
embeddings/relative                           | {encoder}layer_with_weights-{number}/embeddings                                       | bucket heads              | relative_position_bias/embeddings
encoder/{layer}/attention/{projection}/kernel | {encoder}layer_with_weights-{block}/_attention_layer/_{projection}_dense/kernel       | hidden heads head_size | transformer/layer_{layer}/self_attention/{projection}/kernel
encoder/{layer}/attention/{projection}/bias   | {encoder}layer_with_weights-{block}/_attention_layer/_{projection}_dense/bias         | heads head_size        | transformer/layer_{layer}/self_attention/{projection}/bias
encoder/{layer}/attention/output/kernel       | {encoder}layer_with_weights-{block}/_attention_output_dense/kernel                    | heads head_size hidden | transformer/layer_{layer}/self_attention_output/kernel
encoder/{layer}/attention/output/bias         | {encoder}layer_with_weights-{block}/_attention_output_dense/bias                      | hidden                 | transformer/layer_{layer}/self_attention_output/bias
encoder/{layer}/attention/norm/gamma          | {encoder}layer_with_weights-{block}/_attention_layer_norm/gamma                       | hidden                 | transformer/layer_{layer}/self_attention_layer_norm/gamma
encoder/{layer}/attention/norm/beta           | {encoder}layer_with_weights-{block}/_attention_layer_norm/beta                        | hidden                 | transformer/layer_{layer}/self_attention_layer_norm/beta
encoder/{layer}/intermediate/kernel           | {encoder}layer_with_weights-{block}/_intermediate_dense/kernel                        | hidden intermediate    | transformer/layer_{layer}/intermediate/kernel
encoder/{layer}/intermediate/bias             | {encoder}layer_with_weights-{block}/_intermediate_dense/bias                          | intermediate           | transformer/layer_{layer}/intermediate/bias
encoder/{layer}/output/kernel                 | {encoder}layer_with_weights-{block}/_output_dense/kernel                              | intermediate hidden    | transformer/layer_{layer}/output/kernel
encoder/{layer}/output/bias                   | {encoder}layer_with_weights-{block}/_output_dense/bias                                | hidden                 | transformer/layer_{layer}/output/bias
encoder/{layer}/output/norm/gamma             | {encoder}layer_with_weights-{block}/_output_layer_norm/gamma                          | hidden                 | transformer/layer_{layer}/output_layer_norm/gamma
encoder/{layer}/output/norm/beta              | {encoder}layer_with_weights-{block}/_output_layer_norm/beta                           | hidden                 | transformer/layer_{layer}/output_layer_norm/beta
pooler/kernel                                 | {encoder}layer_with_weights-{pooler}/kernel                                           | hidden pooled          | pooler_transform/kernel
pooler/bias                                   | {encoder}layer_with_weights-{pooler}/bias                                             | pooled                 | pooler_transform/bias
""")
"""Of every architecture; `{number}` counts the weighted layers that a network has before its blocks."""

COUNTED = {"embeddings/position": "counted_embeddings"}
"""What the layer of positions that are counted calls its table."""
ACTIVATED = {"pooler/kernel": "_dense/kernel", "pooler/bias": "_dense/bias"}
"""What a pooler with another activation than BERT's calls its variables."""


def encoder_rows(switches: Architecture, *, projected: bool) -> tuple[Row, ...]:
    """The rows of an architecture's networks, with or without a projection of the embeddings."""
    absent = {
        "embeddings/segment": not switches.has_segments,
        "embeddings/projection": not projected,
        "embeddings/relative": not switches.relative_positions,
    }
    left_out = tuple(name for name, is_absent in absent.items() if is_absent)
    rows = [row for row in ENCODER_TABLE if not row.parameter.startswith(left_out)]
    before = layers_before_blocks(rows)
    rows = [replace(row, stored=row.stored.replace("{number}", str(before.get(_layer(row), "")))) for row in rows]
    own = COUNTED if switches.counts_positions else {}
    if switches.pooler_activation != "tanh":
        own = own | ACTIVATED
    rows = [_ending_in(own[row.parameter], row) if row.parameter in own else row for row in rows]
    return tuple(_of_shared_block(row, len(before)) if switches.shares_blocks else row for row in rows)


def layers_before_blocks(rows: Iterable[Row]) -> dict[str, int]:
    """The weighted layers of a network before its blocks, by name, with their numbers."""
    names = dict.fromkeys(_layer(row) for row in rows if row.parameter.startswith("embeddings/"))
    return {name: number for number, name in enumerate(names)}


def _layer(row: Row) -> str:
    """The name of the layer that has a variable."""
    return row.variable.rpartition("/")[0]


def _ending_in(end: str, row: Row) -> Row:
    """The row of a variable that its layer has under another name."""
    stored, variable = (f"{path.rpartition('/')[0]}/{end}" for path in (row.stored, row.variable))
    return replace(row, stored=stored, variable=variable.replace("/_", "/"))


def _of_shared_block(row: Row, block: int) -> Row:
    """A row of a network with one block, whatever the number of its layers."""
    return replace(
        row,
        parameter=row.parameter.replace("{layer}/", ""),
        stored=row.stored.replace("{block}", str(block)).replace("{pooler}", str(block + 1)),
        variable=row.variable.replace("layer_{layer}/", "layer/"),
    )


ENCODER_ROWS = encoder_rows(ARCHITECTURES["bert"], projected=False)

HEAD_ROWS = {
    "mlm": table("""
mlm/dense/kernel  | {model}layer_with_weights-1/layer_with_weights-0/kernel       | hidden transform | cls/predictions/transform/dense/kernel
mlm/dense/bias    | {model}layer_with_weights-1/layer_with_weights-0/bias         | transform        | cls/predictions/transform/dense/bias
mlm/norm/gamma    | {model}layer_with_weights-1/layer_with_weights-1/gamma        | transform        | cls/predictions/transform/LayerNorm/gamma
mlm/norm/beta     | {model}layer_with_weights-1/layer_with_weights-1/beta         | transform        | cls/predictions/transform/LayerNorm/beta
mlm/bias          | {model}layer_with_weights-1/layer_with_weights-2/bias         | vocab            | cls/predictions/output_bias/bias
"""),
    "nsp": table("""
nsp/kernel        | {model}layer_with_weights-2/layer_with_weights-0/kernel       | hidden nsp       | predictions/transform/logits/kernel
nsp/bias          | {model}layer_with_weights-2/layer_with_weights-0/bias         | nsp              | predictions/transform/logits/bias
"""),
    "classifier": table("""
classifier/kernel | {model}layer_with_weights-1/layer_with_weights-0/kernel       | hidden classes   | predictions/transform/logits/kernel
classifier/bias   | {model}layer_with_weights-1/layer_with_weights-0/bias         | classes          | predictions/transform/logits/bias
"""),
    "span": table("""
span/kernel       | {model}layer_with_weights-1/layer_with_weights-0/layer/kernel | hidden span      | time_distributed/kernel
span/bias         | {model}layer_with_weights-1/layer_with_weights-0/layer/bias   | span             | time_distributed/bias
"""),
}


def _with_heads(*heads: str, pooler: bool = True) -> Form:
    """A model of an encoder and heads."""
    return Form(heads, encoder="model/layer_with_weights-0/", model="model/", pooler=pooler)


FORMS = (
    Form(encoder="model/"),
    *(_with_heads(*heads) for heads in (("mlm", "nsp"), ("mlm",), ("classifier",), ("span",))),
    _with_heads("mlm", pooler=False),
)
FORMS_OF_FAMILY = (*FORMS, Form(encoder="model/", pooler=False), _with_heads("span", pooler=False))
"""Encoders of other architectures may have no pooler, alone and with a head that reads none."""

KERAS_BERT = Layout(
    name="keras_bert",
    summary="TransformerEncoder, functional Keras networks of November 2019",
    naming="objects",
    encoder=ENCODER_ROWS,
    heads=HEAD_ROWS,
    forms=FORMS,
    default_task="encoder",
    ignored=OBJECT_STATE,
    holds_epsilon=True,
)


def layouts_of(switches: Architecture) -> Iterator[Layout]:
    """Those of another architecture: of its networks without a projection, and of those with one, if it has both."""
    projected = {"never": (False,), "if_unequal": (False, True), "always": (True,)}[switches.projection]
    for one in projected:
        rows = encoder_rows(switches, projected=one)
        suffix = "_projected" if one and len(projected) > 1 else ""
        yield replace(
            KERAS_BERT,
            name=f"keras_bert_{switches.tables.replace('-', '_')}{suffix}",
            summary=f"TransformerEncoder with the switches of {switches.name}",
            target="keras_bert",
            encoder=rows,
            heads=HEAD_ROWS,
            forms=FORMS_OF_FAMILY,
            first_block=len(layers_before_blocks(rows)),
            architecture=switches.tables,
        )


KERAS_BERT_FAMILY = tuple(
    layout
    for name in dict.fromkeys(one.tables for one in ARCHITECTURES.values() if one.name != "bert")
    for layout in layouts_of(ARCHITECTURES[name])
)
"""Every other one."""
