"""`bert4keras`: what `model.save_weights` of a bert4keras model wrote in TensorFlow's format; kernels are 2-D.

https://github.com/bojone/bert4keras/blob/master/bert4keras/models.py: a block is four layers. The package's own
`save_weights_as_checkpoint` writes `tf1`.
"""

from bertferry.convert.layout import Form, Layout, table
from bertferry.convert.layouts.ignored import OBJECT_STATE

BERT4KERAS = Layout(
    name="bert4keras",
    summary="save_weights of a BERT of bert4keras",
    naming="objects",
    encoder=table("""
embeddings/word                               | {encoder}layer_with_weights-0/embeddings                            | vocab embedding
embeddings/segment                            | {encoder}layer_with_weights-1/embeddings                            | segment embedding
embeddings/position                           | {encoder}layer_with_weights-2/embeddings                            | position embedding
embeddings/norm/gamma                         | {encoder}layer_with_weights-3/gamma                                 | embedding
embeddings/norm/beta                          | {encoder}layer_with_weights-3/beta                                  | embedding
encoder/{layer}/attention/query/kernel        | {encoder}layer_with_weights-{block}/q_dense/kernel                  | hidden (heads head_size)
encoder/{layer}/attention/query/bias          | {encoder}layer_with_weights-{block}/q_dense/bias                    | (heads head_size)
encoder/{layer}/attention/key/kernel          | {encoder}layer_with_weights-{block}/k_dense/kernel                  | hidden (heads head_size)
encoder/{layer}/attention/key/bias            | {encoder}layer_with_weights-{block}/k_dense/bias                    | (heads head_size)
encoder/{layer}/attention/value/kernel        | {encoder}layer_with_weights-{block}/v_dense/kernel                  | hidden (heads head_size)
encoder/{layer}/attention/value/bias          | {encoder}layer_with_weights-{block}/v_dense/bias                    | (heads head_size)
encoder/{layer}/attention/output/kernel       | {encoder}layer_with_weights-{block}/o_dense/kernel                  | (heads head_size) hidden
encoder/{layer}/attention/output/bias         | {encoder}layer_with_weights-{block}/o_dense/bias                    | hidden
encoder/{layer}/attention/norm/gamma          | {encoder}layer_with_weights-{block_1}/gamma                         | hidden
encoder/{layer}/attention/norm/beta           | {encoder}layer_with_weights-{block_1}/beta                          | hidden
encoder/{layer}/intermediate/kernel           | {encoder}layer_with_weights-{block_2}/i0_dense/kernel               | hidden intermediate
encoder/{layer}/intermediate/bias             | {encoder}layer_with_weights-{block_2}/i0_dense/bias                 | intermediate
encoder/{layer}/output/kernel                 | {encoder}layer_with_weights-{block_2}/o_dense/kernel                | intermediate hidden
encoder/{layer}/output/bias                   | {encoder}layer_with_weights-{block_2}/o_dense/bias                  | hidden
encoder/{layer}/output/norm/gamma             | {encoder}layer_with_weights-{block_3}/gamma                         | hidden
encoder/{layer}/output/norm/beta              | {encoder}layer_with_weights-{block_3}/beta                          | hidden
pooler/kernel                                 | {encoder}layer_with_weights-{pooler}/kernel                         | hidden pooled
pooler/bias                                   | {encoder}layer_with_weights-{pooler}/bias                           | pooled
"""),
    heads={},
    forms=(Form(), Form(pooler=False)),
    default_task="encoder",
    ignored=OBJECT_STATE,
    layers_per_block=4,
)
MARK = "Embedding-Token/"
"""Begins the name of a variable in every model of bert4keras."""


def way_out(reader: object) -> str:
    """What to do with a file that is of bert4keras, but of no model that is read; "" for any other."""
    variables = getattr(reader, "variables", {})
    found = any(name.startswith(MARK) for name in variables.values())
    return "it is of bert4keras: write it with bert.save_weights_as_checkpoint of that package" if found else ""
