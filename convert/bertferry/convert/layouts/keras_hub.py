"""`keras_hub`: the `.weights.h5` files of KerasHub and KerasNLP; variables are numbered in their layers.

The reader numbers the blocks from 0 and puts the files of a task below its backbone: `readers/keras3.py`.
"""

from bertferry.convert.layout import Form, Layout, table
from bertferry.convert.layouts.ignored import KERAS_STATE

KERAS_HUB = Layout(
    name="keras_hub",
    summary="BertBackbone and its tasks of KerasHub and KerasNLP",
    naming="keras",
    encoder=table("""
embeddings/word                               | {encoder}reversible_embedding/vars/0                                                          | vocab embedding
embeddings/position                           | {encoder}position_embedding/vars/0                                                            | position embedding
embeddings/segment                            | {encoder}embedding/vars/0                                                                     | segment embedding
embeddings/norm/gamma                         | {encoder}layer_normalization/vars/0                                                           | embedding
embeddings/norm/beta                          | {encoder}layer_normalization/vars/1                                                           | embedding
encoder/{layer}/attention/{projection}/kernel | {encoder}transformer_encoder_{layer}/_self_attention_layer/{projection}_dense/vars/0          | hidden heads head_size
encoder/{layer}/attention/{projection}/bias   | {encoder}transformer_encoder_{layer}/_self_attention_layer/{projection}_dense/vars/1          | heads head_size
encoder/{layer}/attention/output/kernel       | {encoder}transformer_encoder_{layer}/_self_attention_layer/output_dense/vars/0                | heads head_size hidden
encoder/{layer}/attention/output/bias         | {encoder}transformer_encoder_{layer}/_self_attention_layer/output_dense/vars/1                | hidden
encoder/{layer}/attention/norm/gamma          | {encoder}transformer_encoder_{layer}/_self_attention_layer_norm/vars/0                        | hidden
encoder/{layer}/attention/norm/beta           | {encoder}transformer_encoder_{layer}/_self_attention_layer_norm/vars/1                        | hidden
encoder/{layer}/intermediate/kernel           | {encoder}transformer_encoder_{layer}/_feedforward_intermediate_dense/vars/0                   | hidden intermediate
encoder/{layer}/intermediate/bias             | {encoder}transformer_encoder_{layer}/_feedforward_intermediate_dense/vars/1                   | intermediate
encoder/{layer}/output/kernel                 | {encoder}transformer_encoder_{layer}/_feedforward_output_dense/vars/0                         | intermediate hidden
encoder/{layer}/output/bias                   | {encoder}transformer_encoder_{layer}/_feedforward_output_dense/vars/1                         | hidden
encoder/{layer}/output/norm/gamma             | {encoder}transformer_encoder_{layer}/_feedforward_layer_norm/vars/0                           | hidden
encoder/{layer}/output/norm/beta              | {encoder}transformer_encoder_{layer}/_feedforward_layer_norm/vars/1                           | hidden
pooler/kernel                                 | {encoder}dense/vars/0                                                                         | hidden pooled
pooler/bias                                   | {encoder}dense/vars/1                                                                         | pooled
"""),
    heads={
        "mlm": table("""
mlm/dense/kernel  | {model}masked_lm_head/_intermediate_dense/vars/0      | hidden transform
mlm/dense/bias    | {model}masked_lm_head/_intermediate_dense/vars/1      | transform
mlm/norm/gamma    | {model}masked_lm_head/_intermediate_layer_norm/vars/0 | transform
mlm/norm/beta     | {model}masked_lm_head/_intermediate_layer_norm/vars/1 | transform
mlm/bias          | {model}masked_lm_head/vars/0                          | vocab
"""),
        "classifier": table("""
classifier/kernel | {model}dense/vars/0                                   | hidden classes
classifier/bias   | {model}dense/vars/1                                   | classes
"""),
    },
    forms=(
        Form(encoder="layers/"),
        *(
            Form(heads, encoder="layers/bert_backbone/layers/", model="layers/")
            for heads in (("mlm",), ("classifier",))
        ),
    ),
    default_task="all",
    ignored=KERAS_STATE,
    writes_twins=False,  # models that people build around a backbone: KerasHub has no such tasks
    notes={
        "mlm": "KerasHub computes this head with the erf form of gelu and an ε of 1e-5 whatever the encoder's; "
        "all others as BERT does: log-probabilities differ by 1e-4 or more"
    },
)
