"""ELECTRA: BERT's encoder without a pooler, its embeddings projected if they are not as wide as the hidden size.

Pretraining trains two networks, each of which is a model of its own in transformers, while the tf1 files of
google-research/electra have both: the discriminator, with a head that tells which tokens were replaced, and the
generator, a narrower encoder that shares the discriminator's embeddings, with a masked-LM head.

They can be converted between these two kinds of files; no other layout supports them. The heads that transformers
fine-tunes are in its own files only: they have a layer with gelu before the last one, here `pooler`, where
google-research/electra has none. The MLM head has the erf form of gelu in transformers (but in its Flax classes), in
google-research/electra what the configuration says. Their names:
https://github.com/google-research/electra/blob/master/run_pretraining.py,
https://github.com/huggingface/transformers/blob/main/src/transformers/models/electra/modeling_electra.py.
"""

from dataclasses import replace

from bertferry.convert.layout import Form, Layout, Row, table
from bertferry.convert.layouts import huggingface, tf1
from bertferry.convert.layouts.ignored import GLOBAL_STEP, HUGGINGFACE_BUFFERS, TF1_TRAINING_STATE


def with_projection(rows: tuple[Row, ...], projection: str) -> tuple[Row, ...]:
    """BERT's rows, and the projection of the embeddings to the hidden size.

    Embeddings as wide as the hidden size (ELECTRA-Base and -Large) are not projected.
    """
    return (*rows, *(replace(row, only_if_unequal=("embedding", "hidden")) for row in table(projection)))


def with_shared_embeddings(row: Row) -> Row:
    """The generator's row: its tables and their norm are the discriminator's, its projection is its own."""
    shared = row.parameter.startswith("embeddings/") and row.only_if_unequal is None
    return replace(row, stored=row.stored.replace("{encoder}", "{model}electra/")) if shared else row


TF1_ELECTRA = Layout(
    name="tf1_electra",
    summary="google-research/electra, tf.train.Saver, discriminator",
    target="tf1",
    naming="names",
    encoder=with_projection(
        tf1.ENCODER_ROWS,
        """
embeddings/projection/kernel | {encoder}embeddings_project/kernel | embedding hidden
embeddings/projection/bias   | {encoder}embeddings_project/bias   | hidden
""",
    ),
    heads={
        "discriminator": table("""
discriminator/dense/kernel | {model}discriminator_predictions/dense/kernel   | hidden judged
discriminator/dense/bias   | {model}discriminator_predictions/dense/bias     | judged
discriminator/kernel       | {model}discriminator_predictions/dense_1/kernel | judged replaced
discriminator/bias         | {model}discriminator_predictions/dense_1/bias   | replaced
"""),
    },
    forms=tuple(
        Form(heads, encoder="electra/", scope="electra/", pooler=False) for heads in (("discriminator",), ())
    ),
    default_task="all",
    ignored={
        **TF1_TRAINING_STATE,
        "*generator/*": "of the generator, which --prefix generator chooses",
        "*generator_predictions/*": "of the generator, which --prefix generator chooses",
    },
    step_counter=GLOBAL_STEP,
    architecture="electra",
)

TF1_ELECTRA_GENERATOR = replace(
    TF1_ELECTRA,
    name="tf1_electra_generator",
    summary="google-research/electra, tf.train.Saver, generator",
    encoder=tuple(map(with_shared_embeddings, TF1_ELECTRA.encoder)),
    heads={
        "mlm": table("""
mlm/dense/kernel | {model}generator_predictions/dense/kernel    | hidden transform
mlm/dense/bias   | {model}generator_predictions/dense/bias      | transform
mlm/norm/gamma   | {model}generator_predictions/LayerNorm/gamma | transform
mlm/norm/beta    | {model}generator_predictions/LayerNorm/beta  | transform
mlm/bias         | {model}generator_predictions/output_bias     | vocab
"""),
    },
    forms=tuple(Form(heads, encoder="generator/", scope="generator/", pooler=False) for heads in (("mlm",), ())),
    ignored={
        **TF1_TRAINING_STATE,
        "*electra/encoder/*": "of the discriminator, which --prefix electra chooses",
        "*electra/embeddings_project/*": "of the discriminator, which --prefix electra chooses",
        "*discriminator_predictions/*": "of the discriminator, which --prefix electra chooses",
    },
    described="electra/",
    configured_mlm=True,
)

HUGGINGFACE_ELECTRA = Layout(
    name="huggingface_electra",
    summary="safetensors of an Electra* model of transformers",
    target="huggingface",
    naming="safetensors",
    encoder=with_projection(
        huggingface.ENCODER_ROWS,
        """
embeddings/projection/kernel | {encoder}embeddings_project.weight | hidden embedding
embeddings/projection/bias   | {encoder}embeddings_project.bias   | hidden
""",
    ),
    heads={
        "discriminator": table("""
discriminator/dense/kernel | {model}discriminator_predictions.dense.weight            | judged hidden
discriminator/dense/bias   | {model}discriminator_predictions.dense.bias              | judged
discriminator/kernel       | {model}discriminator_predictions.dense_prediction.weight | replaced judged
discriminator/bias         | {model}discriminator_predictions.dense_prediction.bias   | replaced
"""),
        "mlm": table("""
mlm/dense/kernel | {model}generator_predictions.dense.weight     | transform hidden
mlm/dense/bias   | {model}generator_predictions.dense.bias       | transform
mlm/norm/gamma   | {model}generator_predictions.LayerNorm.weight | transform
mlm/norm/beta    | {model}generator_predictions.LayerNorm.bias   | transform
mlm/bias         | {model}generator_lm_head.bias                 | vocab
"""),
        "classifier": table("""
classifier/kernel | {model}classifier.out_proj.weight         | classes hidden
classifier/bias   | {model}classifier.out_proj.bias           | classes
pooler/kernel     | {model}classifier.dense.weight            | pooled hidden
pooler/bias       | {model}classifier.dense.bias              | pooled
"""),
        "tokens": table("""
tokens/kernel     | {model}classifier.weight                  | classes hidden
tokens/bias       | {model}classifier.bias                    | classes
"""),
        "choice": table("""
choice/kernel     | {model}classifier.weight                  | choice hidden
choice/bias       | {model}classifier.bias                    | choice
pooler/kernel     | {model}sequence_summary.summary.weight    | pooled hidden
pooler/bias       | {model}sequence_summary.summary.bias      | pooled
"""),
        "span": huggingface.HEAD_ROWS["span"],
    },
    forms=(
        Form(pooler=False),
        *(
            Form((head,), encoder="electra.", pooler=False)
            for head in ("discriminator", "mlm", "classifier", "tokens", "choice", "span")
        ),
    ),
    default_task="all",
    ignored=HUGGINGFACE_BUFFERS,
    copies={"{model}generator_lm_head.weight": "embeddings/word"},
    holds_epsilon=True,
    architecture="electra",
)
