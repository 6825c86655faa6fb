"""`keras_bert`: the functional `TransformerEncoder` of November 2019, an object graph; kernels are 3-D."""

from bertferry.convert.layout import Form, Layout, table
from bertferry.convert.layouts.ignored import OBJECT_STATE

ENCODER_ROWS = table("""
embeddings/word                               | {encoder}layer_with_weights-0/embeddings                                              | vocab embedding           | word_embeddings/embeddings
embeddings/position                           | {encoder}layer_with_weights-1/embeddings                                              | position embedding        | position_embedding/embeddings
embeddings/segment                            | {encoder}layer_with_weights-2/embeddings                                              | segment embedding         | type_embeddings/embeddings
embeddings/norm/gamma                         | {encoder}layer_with_weights-3/gamma                                                   | embedding                 | embeddings/layer_norm/gamma
embeddings/norm/beta                          | {encoder}layer_with_weights-3/beta                                                    | embedding                 | embeddings/layer_norm/beta
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

KERAS_BERT = Layout(
    name="keras_bert",
    summary="TransformerEncoder, functional Keras networks of November 2019",
    naming="objects",
    encoder=ENCODER_ROWS,
    heads=HEAD_ROWS,
    forms=(
        Form(encoder="model/"),
        *(
            Form(heads, encoder="model/layer_with_weights-0/", model="model/")
            for heads in (("mlm", "nsp"), ("classifier",), ("span",))
        ),
    ),
    default_task="encoder",
    ignored=OBJECT_STATE,
    holds_epsilon=True,
)
