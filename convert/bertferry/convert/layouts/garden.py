"""`garden_v1` and `garden_v2`: the encoders of tf-models-official, object graphs; kernels are 3-D.

v1 is `BertEncoder` (2.4 to 2.20), whose layers are numbered as in a functional Keras network; v2 is
`BertEncoderV2` (from 2.8), whose layers are attributes. Inside a block and in the heads the two agree. Unlike
in `keras_bert`, the attention output belongs to the attention layer.
"""

from dataclasses import replace

from bertferry.convert.layout import Form, Layout, Row, table
from bertferry.convert.layouts.ignored import OBJECT_STATE

V2_ROWS = table("""
embeddings/word                               | {encoder}_embedding_layer/embeddings                                                | vocab embedding           | bert_encoder_v2/word_embeddings/embeddings
embeddings/position                           | {encoder}_position_embedding_layer/embeddings                                       | position embedding        | bert_encoder_v2/position_embedding/embeddings
embeddings/segment                            | {encoder}_type_embedding_layer/embeddings                                           | segment embedding         | bert_encoder_v2/type_embeddings/embeddings
embeddings/norm/gamma                         | {encoder}_embedding_norm_layer/gamma                                                | embedding                 | bert_encoder_v2/embeddings/layer_norm/gamma
embeddings/norm/beta                          | {encoder}_embedding_norm_layer/beta                                                 | embedding                 | bert_encoder_v2/embeddings/layer_norm/beta
encoder/{layer}/attention/{projection}/kernel | {encoder}_transformer_layers/{layer}/_attention_layer/_{projection}_dense/kernel    | hidden heads head_size | bert_encoder_v2/transformer/layer_{layer}/self_attention/{projection}/kernel
encoder/{layer}/attention/{projection}/bias   | {encoder}_transformer_layers/{layer}/_attention_layer/_{projection}_dense/bias      | heads head_size        | bert_encoder_v2/transformer/layer_{layer}/self_attention/{projection}/bias
encoder/{layer}/attention/output/kernel       | {encoder}_transformer_layers/{layer}/_attention_layer/_output_dense/kernel          | heads head_size hidden | bert_encoder_v2/transformer/layer_{layer}/self_attention/attention_output/kernel
encoder/{layer}/attention/output/bias         | {encoder}_transformer_layers/{layer}/_attention_layer/_output_dense/bias            | hidden                 | bert_encoder_v2/transformer/layer_{layer}/self_attention/attention_output/bias
encoder/{layer}/attention/norm/gamma          | {encoder}_transformer_layers/{layer}/_attention_layer_norm/gamma                    | hidden                 | bert_encoder_v2/transformer/layer_{layer}/self_attention_layer_norm/gamma
encoder/{layer}/attention/norm/beta           | {encoder}_transformer_layers/{layer}/_attention_layer_norm/beta                     | hidden                 | bert_encoder_v2/transformer/layer_{layer}/self_attention_layer_norm/beta
encoder/{layer}/intermediate/kernel           | {encoder}_transformer_layers/{layer}/_intermediate_dense/kernel                     | hidden intermediate    | bert_encoder_v2/transformer/layer_{layer}/intermediate/kernel
encoder/{layer}/intermediate/bias             | {encoder}_transformer_layers/{layer}/_intermediate_dense/bias                       | intermediate           | bert_encoder_v2/transformer/layer_{layer}/intermediate/bias
encoder/{layer}/output/kernel                 | {encoder}_transformer_layers/{layer}/_output_dense/kernel                           | intermediate hidden    | bert_encoder_v2/transformer/layer_{layer}/output/kernel
encoder/{layer}/output/bias                   | {encoder}_transformer_layers/{layer}/_output_dense/bias                             | hidden                 | bert_encoder_v2/transformer/layer_{layer}/output/bias
encoder/{layer}/output/norm/gamma             | {encoder}_transformer_layers/{layer}/_output_layer_norm/gamma                       | hidden                 | bert_encoder_v2/transformer/layer_{layer}/output_layer_norm/gamma
encoder/{layer}/output/norm/beta              | {encoder}_transformer_layers/{layer}/_output_layer_norm/beta                        | hidden                 | bert_encoder_v2/transformer/layer_{layer}/output_layer_norm/beta
pooler/kernel                                 | {encoder}_pooler_layer/kernel                                                       | hidden pooled          | bert_encoder_v2/pooler_transform/kernel
pooler/bias                                   | {encoder}_pooler_layer/bias                                                         | pooled                 | bert_encoder_v2/pooler_transform/bias
""")

# Layers that v2 names, and their numbers in v1.
NUMBERED = {
    "_embedding_layer": "layer_with_weights-0",
    "_position_embedding_layer": "layer_with_weights-1",
    "_type_embedding_layer": "layer_with_weights-2",
    "_embedding_norm_layer": "layer_with_weights-3",
    "_transformer_layers/{layer}": "layer_with_weights-{block}",
    "_pooler_layer": "layer_with_weights-{pooler}",
}


def number_row(row: Row) -> Row:
    """The row of v1: another path, and no scope around the variable's name."""
    layer = next(layer for layer in NUMBERED if row.stored.startswith(f"{{encoder}}{layer}/"))
    stored = row.stored.replace(layer, NUMBERED[layer], 1)
    return replace(row, stored=stored, variable=row.variable.removeprefix("bert_encoder_v2/"))


# The next-sentence head has its own pooler: pretraining leaves the encoder's untouched.
HEAD_ROWS = {
    "mlm": table("""
mlm/dense/kernel  | {model}masked_lm/dense/kernel                          | hidden transform | bert/cls/predictions/transform/dense/kernel
mlm/dense/bias    | {model}masked_lm/dense/bias                            | transform        | bert/cls/predictions/transform/dense/bias
mlm/norm/gamma    | {model}masked_lm/layer_norm/gamma                      | transform        | bert/cls/predictions/transform/LayerNorm/gamma
mlm/norm/beta     | {model}masked_lm/layer_norm/beta                       | transform        | bert/cls/predictions/transform/LayerNorm/beta
mlm/bias          | {model}masked_lm/output_bias.Sbias                     | vocab            | bert/cls/predictions/output_bias/bias
"""),
    "nsp": table("""
nsp/kernel        | {model}model/classification_heads/0/out_proj/kernel    | hidden nsp       | bert/next_sentence/logits/kernel
nsp/bias          | {model}model/classification_heads/0/out_proj/bias      | nsp              | bert/next_sentence/logits/bias
pooler/kernel     | {model}next_sentence..pooler_dense/kernel              | hidden pooled    | bert/next_sentence/pooler_dense/kernel
pooler/bias       | {model}next_sentence..pooler_dense/bias                | pooled           | bert/next_sentence/pooler_dense/bias
"""),
}


def pretrainer_aliases(token_table: str) -> dict[str, str]:
    """The second paths to objects of `tf.train.Checkpoint(model=pretrainer, **pretrainer.checkpoint_items)`."""
    return {
        "masked_lm/embedding_table": f"{token_table}/embeddings",
        "model/encoder_network": "encoder",
        "model/masked_lm": "masked_lm",
        "model/classification_heads/0/dense": "next_sentence..pooler_dense",
    }


GARDEN_V2 = Layout(
    name="garden_v2",
    summary="BertEncoderV2 of tf-models-official (from 2.8)",
    naming="objects",
    encoder=V2_ROWS,
    heads=HEAD_ROWS,
    forms=tuple(Form(heads, encoder="encoder/") for heads in ((), ("mlm", "nsp"), ("mlm",))),
    default_task="encoder",
    ignored=OBJECT_STATE,
    aliases=pretrainer_aliases("encoder/_embedding_layer"),
)

# A v1 file loads into `BertEncoderV2` through the attributes, which `BertEncoder` has too.
GARDEN_V1 = replace(
    GARDEN_V2,
    name="garden_v1",
    summary="BertEncoder of tf-models-official (2.4 and later)",
    encoder=tuple(number_row(row) for row in V2_ROWS),
    aliases={
        **{f"encoder/{name}": f"encoder/{number}" for name, number in NUMBERED.items()},
        **pretrainer_aliases("encoder/layer_with_weights-0"),
    },
)

# The pretrainer of 2.4.0 is a functional network, its masked-LM head the layer after the encoder.
GARDEN_2_4_0 = replace(
    GARDEN_V1,
    name="garden_2_4_0",
    summary="pretrainers of tf-models-official 2.4.0, encoder as garden_v1",
    heads={
        "mlm": tuple(
            replace(row, stored=row.stored.replace("masked_lm/", "layer_with_weights-1/"))
            for row in HEAD_ROWS["mlm"]
        )
    },
    forms=(Form(("mlm",), encoder="model/layer_with_weights-0/", model="model/"),),
    aliases={},
)


TASK_ROWS = {
    "classifier": table("""
classifier/kernel | {model}layer_with_weights-1/out_proj/kernel             | hidden classes
classifier/bias   | {model}layer_with_weights-1/out_proj/bias               | classes
"""),
    "tokens": table("""
tokens/kernel     | {model}layer_with_weights-1/kernel                      | hidden classes
tokens/bias       | {model}layer_with_weights-1/bias                        | classes
"""),
    "span": table("""
span/kernel       | {model}layer_with_weights-1/layer_with_weights-0/kernel | hidden span
span/bias         | {model}layer_with_weights-1/layer_with_weights-0/bias   | span
"""),
}
OWN_POOLER_ROWS = table("""
pooler/kernel     | {model}layer_with_weights-1/dense/kernel                | hidden pooled
pooler/bias       | {model}layer_with_weights-1/dense/bias                  | pooled
""")


def with_tasks(layout: Layout) -> Layout:
    """Models for a task, functional networks around the encoder: the head is the layer after it."""
    return replace(
        layout,
        name=f"{layout.name}_tasks",
        summary=f"BertClassifier, BertTokenClassifier, BertSpanLabeler of tf-models-official around {layout.name}",
        heads=TASK_ROWS,
        forms=tuple(Form((head,), encoder="model/layer_with_weights-0/", model="model/") for head in TASK_ROWS),
        has_twins=False,
        aliases={},
    )


def with_own_pooler(layout: Layout) -> Layout:
    """`BertClassifier(use_encoder_pooler=False)`, which leaves the encoder's pooler untrained."""
    return replace(
        with_tasks(layout),
        name=f"{layout.name}_own_pooler",
        summary=f"BertClassifier(use_encoder_pooler=False) of tf-models-official around {layout.name}",
        heads={"classifier": TASK_ROWS["classifier"] + OWN_POOLER_ROWS},
        forms=(Form(("classifier",), encoder="model/layer_with_weights-0/", model="model/"),),
    )


GARDEN_V1_TASKS, GARDEN_V2_TASKS = map(with_tasks, (GARDEN_V1, GARDEN_V2))
GARDEN_V1_OWN_POOLER, GARDEN_V2_OWN_POOLER = map(with_own_pooler, (GARDEN_V1, GARDEN_V2))
