"""`tf1`: the name-based `tf.train.Saver` files of google-research/bert; kernels are 2-D."""

from bertferry.convert.layout import Form, Layout, table
from bertferry.convert.layouts.ignored import GLOBAL_STEP, TF1_TRAINING_STATE

ENCODER_ROWS = table("""
embeddings/word                               | {encoder}embeddings/word_embeddings                                  | vocab embedding
embeddings/position                           | {encoder}embeddings/position_embeddings                              | position embedding
embeddings/segment                            | {encoder}embeddings/token_type_embeddings                            | segment embedding
embeddings/norm/gamma                         | {encoder}embeddings/LayerNorm/gamma                                  | embedding
embeddings/norm/beta                          | {encoder}embeddings/LayerNorm/beta                                   | embedding
encoder/{layer}/attention/{projection}/kernel | {encoder}encoder/layer_{layer}/attention/self/{projection}/kernel    | hidden (heads head_size)
encoder/{layer}/attention/{projection}/bias   | {encoder}encoder/layer_{layer}/attention/self/{projection}/bias      | (heads head_size)
encoder/{layer}/attention/output/kernel       | {encoder}encoder/layer_{layer}/attention/output/dense/kernel         | (heads head_size) hidden
encoder/{layer}/attention/output/bias         | {encoder}encoder/layer_{layer}/attention/output/dense/bias           | hidden
encoder/{layer}/attention/norm/gamma          | {encoder}encoder/layer_{layer}/attention/output/LayerNorm/gamma      | hidden
encoder/{layer}/attention/norm/beta           | {encoder}encoder/layer_{layer}/attention/output/LayerNorm/beta       | hidden
encoder/{layer}/intermediate/kernel           | {encoder}encoder/layer_{layer}/intermediate/dense/kernel             | hidden intermediate
encoder/{layer}/intermediate/bias             | {encoder}encoder/layer_{layer}/intermediate/dense/bias               | intermediate
encoder/{layer}/output/kernel                 | {encoder}encoder/layer_{layer}/output/dense/kernel                   | intermediate hidden
encoder/{layer}/output/bias                   | {encoder}encoder/layer_{layer}/output/dense/bias                     | hidden
encoder/{layer}/output/norm/gamma             | {encoder}encoder/layer_{layer}/output/LayerNorm/gamma                | hidden
encoder/{layer}/output/norm/beta              | {encoder}encoder/layer_{layer}/output/LayerNorm/beta                 | hidden
pooler/kernel                                 | {encoder}pooler/dense/kernel                                         | hidden pooled
pooler/bias                                   | {encoder}pooler/dense/bias                                           | pooled
""")

HEAD_ROWS = {
    "mlm": table("""
mlm/dense/kernel  | {model}cls/predictions/transform/dense/kernel    | hidden transform
mlm/dense/bias    | {model}cls/predictions/transform/dense/bias      | transform
mlm/norm/gamma    | {model}cls/predictions/transform/LayerNorm/gamma | transform
mlm/norm/beta     | {model}cls/predictions/transform/LayerNorm/beta  | transform
mlm/bias          | {model}cls/predictions/output_bias               | vocab
"""),
    "nsp": table("""
nsp/kernel        | {model}cls/seq_relationship/output_weights       | nsp hidden
nsp/bias          | {model}cls/seq_relationship/output_bias          | nsp
"""),
    "classifier": table("""
classifier/kernel | {model}output_weights                            | classes hidden
classifier/bias   | {model}output_bias                               | classes
"""),
    "span": table("""
span/kernel       | {model}cls/squad/output_weights                  | span hidden
span/bias         | {model}cls/squad/output_bias                     | span
"""),
}

TF1 = Layout(
    name="tf1",
    summary="google-research/bert, tf.train.Saver",
    naming="names",
    encoder=ENCODER_ROWS,
    heads=HEAD_ROWS,
    forms=tuple(
        Form(heads, encoder="bert/")
        for heads in ((), ("mlm", "nsp"), ("mlm",), ("nsp",), ("classifier",), ("span",))
    ),
    default_task="all",
    ignored=TF1_TRAINING_STATE,
    step_counter=GLOBAL_STEP,
)
