"""DistilBERT: BERT's encoder without segments and pooler, under names of its own.

The layer before the last one of a classifier of sentences or choices, here `pooler`, is part of that head:
https://github.com/huggingface/transformers/blob/main/src/transformers/models/distilbert/modeling_distilbert.py.
"""

from bertferry.convert.layout import Form, Layout, table
from bertferry.convert.layouts import huggingface
from bertferry.convert.layouts.ignored import HUGGINGFACE_BUFFERS

POOLER_ROWS = table("""
pooler/kernel     | {model}pre_classifier.weight     | pooled hidden
pooler/bias       | {model}pre_classifier.bias       | pooled
""")

HUGGINGFACE_DISTILBERT = Layout(
    name="huggingface_distilbert",
    summary="safetensors of a DistilBert* model of transformers",
    target="huggingface",
    naming="safetensors",
    encoder=table("""
embeddings/word                         | {encoder}embeddings.word_embeddings.weight                    | vocab embedding
embeddings/position                     | {encoder}embeddings.position_embeddings.weight                | position embedding
embeddings/norm/gamma                   | {encoder}embeddings.LayerNorm.weight                          | embedding
embeddings/norm/beta                    | {encoder}embeddings.LayerNorm.bias                            | embedding
encoder/{layer}/attention/query/kernel  | {encoder}transformer.layer.{layer}.attention.q_lin.weight     | (heads head_size) hidden
encoder/{layer}/attention/query/bias    | {encoder}transformer.layer.{layer}.attention.q_lin.bias       | (heads head_size)
encoder/{layer}/attention/key/kernel    | {encoder}transformer.layer.{layer}.attention.k_lin.weight     | (heads head_size) hidden
encoder/{layer}/attention/key/bias      | {encoder}transformer.layer.{layer}.attention.k_lin.bias       | (heads head_size)
encoder/{layer}/attention/value/kernel  | {encoder}transformer.layer.{layer}.attention.v_lin.weight     | (heads head_size) hidden
encoder/{layer}/attention/value/bias    | {encoder}transformer.layer.{layer}.attention.v_lin.bias       | (heads head_size)
encoder/{layer}/attention/output/kernel | {encoder}transformer.layer.{layer}.attention.out_lin.weight   | hidden (heads head_size)
encoder/{layer}/attention/output/bias   | {encoder}transformer.layer.{layer}.attention.out_lin.bias     | hidden
encoder/{layer}/attention/norm/gamma    | {encoder}transformer.layer.{layer}.sa_layer_norm.weight       | hidden
encoder/{layer}/attention/norm/beta     | {encoder}transformer.layer.{layer}.sa_layer_norm.bias         | hidden
encoder/{layer}/intermediate/kernel     | {encoder}transformer.layer.{layer}.ffn.lin1.weight            | intermediate hidden
encoder/{layer}/intermediate/bias       | {encoder}transformer.layer.{layer}.ffn.lin1.bias              | intermediate
encoder/{layer}/output/kernel           | {encoder}transformer.layer.{layer}.ffn.lin2.weight            | hidden intermediate
encoder/{layer}/output/bias             | {encoder}transformer.layer.{layer}.ffn.lin2.bias              | hidden
encoder/{layer}/output/norm/gamma       | {encoder}transformer.layer.{layer}.output_layer_norm.weight   | hidden
encoder/{layer}/output/norm/beta        | {encoder}transformer.layer.{layer}.output_layer_norm.bias     | hidden
"""),
    heads={
        "mlm": table("""
mlm/dense/kernel  | {model}vocab_transform.weight    | transform hidden
mlm/dense/bias    | {model}vocab_transform.bias      | transform
mlm/norm/gamma    | {model}vocab_layer_norm.weight   | transform
mlm/norm/beta     | {model}vocab_layer_norm.bias     | transform
mlm/bias          | {model}vocab_projector.bias      | vocab
"""),
        "classifier": huggingface.HEAD_ROWS["classifier"] + POOLER_ROWS,
        "tokens": table("""
tokens/kernel     | {model}classifier.weight         | classes hidden
tokens/bias       | {model}classifier.bias           | classes
"""),
        "choice": table("""
choice/kernel     | {model}classifier.weight         | choice hidden
choice/bias       | {model}classifier.bias           | choice
""")
        + POOLER_ROWS,
        "span": huggingface.HEAD_ROWS["span"],
    },
    forms=(
        Form(pooler=False),
        *(
            Form((head,), encoder="distilbert.", pooler=False)
            for head in ("mlm", "classifier", "tokens", "choice", "span")
        ),
    ),
    default_task="all",
    ignored=HUGGINGFACE_BUFFERS,
    copies={"{model}vocab_projector.weight": "embeddings/word"},
    holds_epsilon=True,
    architecture="distilbert",
)
