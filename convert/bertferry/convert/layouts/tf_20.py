"""`tf_20`: the `BertModel` Keras layer of TensorFlow models v2.0 (autumn 2019), an object graph.

Kernels are 2-D as released; with `"backward_compatible": false` in the configuration they are 3-D.
"""

from dataclasses import replace

from bertferry.convert.layout import Form, Layout, Row, table
from bertferry.convert.layouts.ignored import OBJECT_STATE

ENCODER_ROWS = table("""
embeddings/word                               | {encoder}embedding_lookup/embeddings                                       | vocab embedding             | bert_model/word_embeddings/embeddings
embeddings/position                           | {encoder}embedding_postprocessor/position_embeddings                       | position embedding          | bert_model/embedding_postprocessor/position_embeddings
embeddings/segment                            | {encoder}embedding_postprocessor/type_embeddings                           | segment embedding           | bert_model/embedding_postprocessor/type_embeddings
embeddings/norm/gamma                         | {encoder}embedding_postprocessor/output_layer_norm/gamma                   | embedding                   | bert_model/embedding_postprocessor/layer_norm/gamma
embeddings/norm/beta                          | {encoder}embedding_postprocessor/output_layer_norm/beta                    | embedding                   | bert_model/embedding_postprocessor/layer_norm/beta
encoder/{layer}/attention/{projection}/kernel | {encoder}encoder/layers/{layer}/attention_layer/{projection}_dense/kernel  | hidden (heads head_size) | bert_model/encoder/layer_{layer}/self_attention/{projection}/kernel
encoder/{layer}/attention/{projection}/bias   | {encoder}encoder/layers/{layer}/attention_layer/{projection}_dense/bias    | (heads head_size)        | bert_model/encoder/layer_{layer}/self_attention/{projection}/bias
encoder/{layer}/attention/output/kernel       | {encoder}encoder/layers/{layer}/attention_output_dense/kernel              | (heads head_size) hidden | bert_model/encoder/layer_{layer}/self_attention_output/kernel
encoder/{layer}/attention/output/bias         | {encoder}encoder/layers/{layer}/attention_output_dense/bias                | hidden                   | bert_model/encoder/layer_{layer}/self_attention_output/bias
encoder/{layer}/attention/norm/gamma          | {encoder}encoder/layers/{layer}/attention_layer_norm/gamma                 | hidden                   | bert_model/encoder/layer_{layer}/self_attention_layer_norm/gamma
encoder/{layer}/attention/norm/beta           | {encoder}encoder/layers/{layer}/attention_layer_norm/beta                  | hidden                   | bert_model/encoder/layer_{layer}/self_attention_layer_norm/beta
encoder/{layer}/intermediate/kernel           | {encoder}encoder/layers/{layer}/intermediate_dense/kernel                  | hidden intermediate      | bert_model/encoder/layer_{layer}/intermediate/kernel
encoder/{layer}/intermediate/bias             | {encoder}encoder/layers/{layer}/intermediate_dense/bias                    | intermediate             | bert_model/encoder/layer_{layer}/intermediate/bias
encoder/{layer}/output/kernel                 | {encoder}encoder/layers/{layer}/output_dense/kernel                        | intermediate hidden      | bert_model/encoder/layer_{layer}/output/kernel
encoder/{layer}/output/bias                   | {encoder}encoder/layers/{layer}/output_dense/bias                          | hidden                   | bert_model/encoder/layer_{layer}/output/bias
encoder/{layer}/output/norm/gamma             | {encoder}encoder/layers/{layer}/output_layer_norm/gamma                    | hidden                   | bert_model/encoder/layer_{layer}/output_layer_norm/gamma
encoder/{layer}/output/norm/beta              | {encoder}encoder/layers/{layer}/output_layer_norm/beta                     | hidden                   | bert_model/encoder/layer_{layer}/output_layer_norm/beta
pooler/kernel                                 | {encoder}pooler_transform/kernel                                           | hidden pooled            | bert_model/pooler_transform/kernel
pooler/bias                                   | {encoder}pooler_transform/bias                                             | pooled                   | bert_model/pooler_transform/bias
""")

# In this pretrainer `output_bias` belongs to the next-sentence head; `.S` is how a key spells `/` in a name.
HEAD_ROWS = {
    "mlm": table("""
mlm/dense/kernel  | {model}layer_with_weights-1/lm_dense/kernel           | hidden transform | cls/predictions/transform/dense/kernel
mlm/dense/bias    | {model}layer_with_weights-1/lm_dense/bias             | transform        | cls/predictions/transform/dense/bias
mlm/norm/gamma    | {model}layer_with_weights-1/lm_layer_norm/gamma       | transform        | cls/predictions/transform/LayerNorm/gamma
mlm/norm/beta     | {model}layer_with_weights-1/lm_layer_norm/beta        | transform        | cls/predictions/transform/LayerNorm/beta
mlm/bias          | {model}layer_with_weights-1/predictions.Soutput_bias  | vocab            | cls/predictions/output_bias
"""),
    "nsp": table("""
nsp/kernel        | {model}layer_with_weights-1/output_weights            | nsp hidden       | cls/seq_relationship/output_weights
nsp/bias          | {model}layer_with_weights-1/output_bias               | nsp              | cls/seq_relationship/output_bias
"""),
    "classifier": table("""
classifier/kernel | {model}layer_with_weights-1/kernel                    | hidden classes   | output/kernel
classifier/bias   | {model}layer_with_weights-1/bias                      | classes          | output/bias
"""),
    "span": table("""
span/kernel       | {model}layer_with_weights-1/final_dense/kernel        | hidden span      | squad_logits/final_dense/kernel
span/bias         | {model}layer_with_weights-1/final_dense/bias          | span             | squad_logits/final_dense/bias
"""),
}


def with_separate_heads(row: Row) -> Row:
    """The same row with heads and head size as axes of their own."""
    return replace(row, axes=row.axes.replace("(", "").replace(")", ""))


TF_20 = Layout(
    name="tf_20",
    summary="BertModel Keras layer of 2019, kernels 2-D",
    naming="objects",
    encoder=ENCODER_ROWS,
    heads=HEAD_ROWS,
    forms=(
        Form(encoder="model/layer_with_weights-0/"),
        *(
            Form(heads, encoder="model/layer_with_weights-0/", model="model/")
            for heads in (("mlm", "nsp"), ("classifier",), ("span",))
        ),
    ),
    default_task="encoder",
    ignored=OBJECT_STATE,
)

TF_20_3D = replace(
    TF_20,
    name="tf_20_3d",
    summary="BertModel Keras layer of 2019, kernels 3-D",
    encoder=tuple(with_separate_heads(row) for row in ENCODER_ROWS),
    configuration={"backward_compatible": False},
)
