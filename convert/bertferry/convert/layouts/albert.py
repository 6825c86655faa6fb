"""ALBERT: one block whose weights every layer shares, embeddings narrower than the hidden size.

Its heads are BERT's, but for the MLM head, which is as wide as the embeddings, and `seq_relationship`: whether two
segments are in order. That one is called `nsp` here, as in the tf1 files, whose names are those of BERT.

They can be converted between the tf1 files of google-research/albert and transformers; no other layout supports them.
"""

from dataclasses import replace

from bertferry.convert.layout import Layout, table
from bertferry.convert.layouts import huggingface, tf1
from bertferry.convert.layouts.ignored import GLOBAL_STEP, HUGGINGFACE_BUFFERS, TF1_TRAINING_STATE

TF1_ALBERT = Layout(
    name="tf1_albert",
    summary="google-research/albert, tf.train.Saver",
    target="tf1",
    naming="names",
    encoder=table("""
embeddings/word                    | {encoder}embeddings/word_embeddings                                                                     | vocab embedding
embeddings/position                | {encoder}embeddings/position_embeddings                                                                 | position embedding
embeddings/segment                 | {encoder}embeddings/token_type_embeddings                                                               | segment embedding
embeddings/norm/gamma              | {encoder}embeddings/LayerNorm/gamma                                                                     | embedding
embeddings/norm/beta               | {encoder}embeddings/LayerNorm/beta                                                                      | embedding
embeddings/projection/kernel       | {encoder}encoder/embedding_hidden_mapping_in/kernel                                                     | embedding hidden
embeddings/projection/bias         | {encoder}encoder/embedding_hidden_mapping_in/bias                                                       | hidden
encoder/attention/{projection}/kernel | {encoder}encoder/transformer/group_0/inner_group_0/attention_1/self/{projection}/kernel              | hidden (heads head_size)
encoder/attention/{projection}/bias   | {encoder}encoder/transformer/group_0/inner_group_0/attention_1/self/{projection}/bias                | (heads head_size)
encoder/attention/output/kernel    | {encoder}encoder/transformer/group_0/inner_group_0/attention_1/output/dense/kernel                      | (heads head_size) hidden
encoder/attention/output/bias      | {encoder}encoder/transformer/group_0/inner_group_0/attention_1/output/dense/bias                        | hidden
encoder/attention/norm/gamma       | {encoder}encoder/transformer/group_0/inner_group_0/LayerNorm/gamma                                      | hidden
encoder/attention/norm/beta        | {encoder}encoder/transformer/group_0/inner_group_0/LayerNorm/beta                                       | hidden
encoder/intermediate/kernel        | {encoder}encoder/transformer/group_0/inner_group_0/ffn_1/intermediate/dense/kernel                      | hidden intermediate
encoder/intermediate/bias          | {encoder}encoder/transformer/group_0/inner_group_0/ffn_1/intermediate/dense/bias                        | intermediate
encoder/output/kernel              | {encoder}encoder/transformer/group_0/inner_group_0/ffn_1/intermediate/output/dense/kernel               | intermediate hidden
encoder/output/bias                | {encoder}encoder/transformer/group_0/inner_group_0/ffn_1/intermediate/output/dense/bias                 | hidden
encoder/output/norm/gamma          | {encoder}encoder/transformer/group_0/inner_group_0/LayerNorm_1/gamma                                    | hidden
encoder/output/norm/beta           | {encoder}encoder/transformer/group_0/inner_group_0/LayerNorm_1/beta                                     | hidden
pooler/kernel                      | {encoder}pooler/dense/kernel                                                                            | hidden pooled
pooler/bias                        | {encoder}pooler/dense/bias                                                                              | pooled
"""),
    heads=tf1.HEAD_ROWS,
    forms=tf1.TF1.forms,
    default_task="all",
    ignored=TF1_TRAINING_STATE,
    step_counter=GLOBAL_STEP,
    architecture="albert",
)

HUGGINGFACE_ALBERT = Layout(
    name="huggingface_albert",
    summary="safetensors of an Albert* model of transformers",
    target="huggingface",
    naming="safetensors",
    encoder=table("""
embeddings/word                    | {encoder}embeddings.word_embeddings.weight                                                | vocab embedding
embeddings/position                | {encoder}embeddings.position_embeddings.weight                                            | position embedding
embeddings/segment                 | {encoder}embeddings.token_type_embeddings.weight                                          | segment embedding
embeddings/norm/gamma              | {encoder}embeddings.LayerNorm.weight                                                      | embedding
embeddings/norm/beta               | {encoder}embeddings.LayerNorm.bias                                                        | embedding
embeddings/projection/kernel       | {encoder}encoder.embedding_hidden_mapping_in.weight                                       | hidden embedding
embeddings/projection/bias         | {encoder}encoder.embedding_hidden_mapping_in.bias                                         | hidden
encoder/attention/{projection}/kernel | {encoder}encoder.albert_layer_groups.0.albert_layers.0.attention.{projection}.weight   | (heads head_size) hidden
encoder/attention/{projection}/bias   | {encoder}encoder.albert_layer_groups.0.albert_layers.0.attention.{projection}.bias     | (heads head_size)
encoder/attention/output/kernel    | {encoder}encoder.albert_layer_groups.0.albert_layers.0.attention.dense.weight             | hidden (heads head_size)
encoder/attention/output/bias      | {encoder}encoder.albert_layer_groups.0.albert_layers.0.attention.dense.bias               | hidden
encoder/attention/norm/gamma       | {encoder}encoder.albert_layer_groups.0.albert_layers.0.attention.LayerNorm.weight         | hidden
encoder/attention/norm/beta        | {encoder}encoder.albert_layer_groups.0.albert_layers.0.attention.LayerNorm.bias           | hidden
encoder/intermediate/kernel        | {encoder}encoder.albert_layer_groups.0.albert_layers.0.ffn.weight                         | intermediate hidden
encoder/intermediate/bias          | {encoder}encoder.albert_layer_groups.0.albert_layers.0.ffn.bias                           | intermediate
encoder/output/kernel              | {encoder}encoder.albert_layer_groups.0.albert_layers.0.ffn_output.weight                  | hidden intermediate
encoder/output/bias                | {encoder}encoder.albert_layer_groups.0.albert_layers.0.ffn_output.bias                    | hidden
encoder/output/norm/gamma          | {encoder}encoder.albert_layer_groups.0.albert_layers.0.full_layer_layer_norm.weight       | hidden
encoder/output/norm/beta           | {encoder}encoder.albert_layer_groups.0.albert_layers.0.full_layer_layer_norm.bias         | hidden
pooler/kernel                      | {encoder}pooler.weight                                                                    | pooled hidden
pooler/bias                        | {encoder}pooler.bias                                                                      | pooled
"""),
    heads={
        **huggingface.HEAD_ROWS,
        "mlm": table("""
mlm/dense/kernel  | {model}predictions.dense.weight          | transform hidden
mlm/dense/bias    | {model}predictions.dense.bias            | transform
mlm/norm/gamma    | {model}predictions.LayerNorm.weight      | transform
mlm/norm/beta     | {model}predictions.LayerNorm.bias        | transform
mlm/bias          | {model}predictions.bias                  | vocab
"""),
        "nsp": table("""
nsp/kernel        | {model}sop_classifier.classifier.weight  | nsp hidden
nsp/bias          | {model}sop_classifier.classifier.bias    | nsp
"""),
    },
    forms=tuple(
        replace(form, encoder=form.encoder.replace("bert.", "albert.")) for form in huggingface.HUGGINGFACE.forms
    ),
    default_task="all",
    ignored=HUGGINGFACE_BUFFERS,
    copies={
        "{model}predictions.decoder.weight": "embeddings/word",
        "{model}predictions.decoder.bias": "mlm/bias",
    },
    holds_epsilon=True,
    architecture="albert",
)
