"""ELECTRA encoders: BERT's without a pooler, the embeddings projected if narrower than the hidden size.

They can be converted between the tf1 files of google-research/electra and transformers; no other layout supports them.
"""

from dataclasses import replace

from bertferry.convert.layout import Form, Layout, Row, table
from bertferry.convert.layouts import huggingface, tf1
from bertferry.convert.layouts.ignored import GLOBAL_STEP, HUGGINGFACE_BUFFERS, TF1_TRAINING_STATE


def with_projection(rows: tuple[Row, ...], projection: str) -> tuple[Row, ...]:
    """BERT's rows with a separate width for the embeddings, and the projection to the hidden size.

    Embeddings as wide as the hidden size (ELECTRA-Base and -Large) are not projected.
    """
    narrow = (
        replace(row, axes=row.axes.replace("hidden", "embedding"))
        if row.parameter.startswith("embeddings/")
        else row
        for row in rows
    )
    return (*narrow, *(replace(row, only_if_unequal=("embedding", "hidden")) for row in table(projection)))


TF1_ELECTRA = Layout(
    name="tf1_electra",
    summary="google-research/electra, tf.train.Saver, discriminator's encoder alone",
    target="tf1",
    naming="names",
    encoder=with_projection(
        tf1.ENCODER_ROWS,
        """
embeddings/projection/kernel | {encoder}embeddings_project/kernel | embedding hidden
embeddings/projection/bias   | {encoder}embeddings_project/bias   | hidden
""",
    ),
    heads={},
    forms=(Form(encoder="electra/", scope="electra/", pooler=False),),
    default_task="encoder",
    ignored=TF1_TRAINING_STATE,
    step_counter=GLOBAL_STEP,
    architecture="electra",
)

HUGGINGFACE_ELECTRA = Layout(
    name="huggingface_electra",
    summary="safetensors of an Electra* model of transformers, encoder alone",
    target="huggingface",
    naming="safetensors",
    encoder=with_projection(
        huggingface.ENCODER_ROWS,
        """
embeddings/projection/kernel | {encoder}embeddings_project.weight | hidden embedding
embeddings/projection/bias   | {encoder}embeddings_project.bias   | hidden
""",
    ),
    heads={},
    forms=(Form(pooler=False),),
    default_task="encoder",
    ignored=HUGGINGFACE_BUFFERS,
    holds_epsilon=True,
    architecture="electra",
)
