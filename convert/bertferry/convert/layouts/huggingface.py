"""`huggingface`: the safetensors files of a `Bert*` model of transformers; kernels are 2-D and transposed.

Files from old converters call the LayerNorm weights `gamma` and `beta`; a bare `BertModel` has no `bert.` prefix.
"""

from dataclasses import replace

from bertferry.convert.layout import Form, Layout, Row, table
from bertferry.convert.layouts.ignored import HUGGINGFACE_BUFFERS

ENCODER_ROWS = table("""
embeddings/word                               | {encoder}embeddings.word_embeddings.weight                           | vocab embedding
embeddings/position                           | {encoder}embeddings.position_embeddings.weight                       | position embedding
embeddings/segment                            | {encoder}embeddings.token_type_embeddings.weight                     | segment embedding
embeddings/norm/gamma                         | {encoder}embeddings.LayerNorm.weight                                 | embedding
embeddings/norm/beta                          | {encoder}embeddings.LayerNorm.bias                                   | embedding
encoder/{layer}/attention/{projection}/kernel | {encoder}encoder.layer.{layer}.attention.self.{projection}.weight    | (heads head_size) hidden
encoder/{layer}/attention/{projection}/bias   | {encoder}encoder.layer.{layer}.attention.self.{projection}.bias      | (heads head_size)
encoder/{layer}/attention/output/kernel       | {encoder}encoder.layer.{layer}.attention.output.dense.weight         | hidden (heads head_size)
encoder/{layer}/attention/output/bias         | {encoder}encoder.layer.{layer}.attention.output.dense.bias           | hidden
encoder/{layer}/attention/norm/gamma          | {encoder}encoder.layer.{layer}.attention.output.LayerNorm.weight     | hidden
encoder/{layer}/attention/norm/beta           | {encoder}encoder.layer.{layer}.attention.output.LayerNorm.bias       | hidden
encoder/{layer}/intermediate/kernel           | {encoder}encoder.layer.{layer}.intermediate.dense.weight             | intermediate hidden
encoder/{layer}/intermediate/bias             | {encoder}encoder.layer.{layer}.intermediate.dense.bias               | intermediate
encoder/{layer}/output/kernel                 | {encoder}encoder.layer.{layer}.output.dense.weight                   | hidden intermediate
encoder/{layer}/output/bias                   | {encoder}encoder.layer.{layer}.output.dense.bias                     | hidden
encoder/{layer}/output/norm/gamma             | {encoder}encoder.layer.{layer}.output.LayerNorm.weight               | hidden
encoder/{layer}/output/norm/beta              | {encoder}encoder.layer.{layer}.output.LayerNorm.bias                 | hidden
pooler/kernel                                 | {encoder}pooler.dense.weight                                         | pooled hidden
pooler/bias                                   | {encoder}pooler.dense.bias                                           | pooled
""")

HEAD_ROWS = {
    "mlm": table("""
mlm/dense/kernel  | {model}cls.predictions.transform.dense.weight     | transform hidden
mlm/dense/bias    | {model}cls.predictions.transform.dense.bias       | transform
mlm/norm/gamma    | {model}cls.predictions.transform.LayerNorm.weight | transform
mlm/norm/beta     | {model}cls.predictions.transform.LayerNorm.bias   | transform
mlm/bias          | {model}cls.predictions.bias                       | vocab
"""),
    "nsp": table("""
nsp/kernel        | {model}cls.seq_relationship.weight                | nsp hidden
nsp/bias          | {model}cls.seq_relationship.bias                  | nsp
"""),
    "classifier": table("""
classifier/kernel | {model}classifier.weight                          | classes hidden
classifier/bias   | {model}classifier.bias                            | classes
"""),
    "span": table("""
span/kernel       | {model}qa_outputs.weight                          | span hidden
span/bias         | {model}qa_outputs.bias                            | span
"""),
}

# Copies that some exporters write although the model ties them.
TIED = {
    "{model}cls.predictions.decoder.weight": "embeddings/word",
    "{model}cls.predictions.decoder.bias": "mlm/bias",
}

HUGGINGFACE = Layout(
    name="huggingface",
    summary="safetensors of a Bert* model of transformers",
    naming="safetensors",
    encoder=ENCODER_ROWS,
    heads=HEAD_ROWS,
    forms=(
        Form(),
        *(
            Form(heads, encoder="bert.")
            for heads in (("mlm", "nsp"), ("nsp",), ("classifier",), ("span",), ("mlm",))
        ),
        Form(("mlm",), encoder="bert.", pooler=False),
        Form(("span",), encoder="bert.", pooler=False),
        Form(pooler=False),
    ),
    default_task="all",
    ignored=HUGGINGFACE_BUFFERS,
    holds_epsilon=True,
    copies=TIED,
)


def with_old_norm_names(row: Row) -> Row:
    """The row as converters of 2018 named it: LayerNorm.gamma and LayerNorm.beta."""
    weight = row.parameter.rpartition("/")[2]
    old = row.stored.rpartition(".")[0] + f".{weight}" if "LayerNorm" in row.stored else row.stored
    return replace(row, stored=old)


HUGGINGFACE_2018 = replace(
    HUGGINGFACE,
    name="huggingface_2018",
    summary="huggingface with LayerNorm weights called gamma and beta",
    encoder=tuple(with_old_norm_names(row) for row in ENCODER_ROWS),
    heads={head: tuple(with_old_norm_names(row) for row in rows) for head, rows in HEAD_ROWS.items()},
)
