"""RoBERTa, and XLM-R and CamemBERT, whose classes have its names: BERT's encoder and heads of their own.

The layer before the last one of a sentence classifier, here `pooler`, is part of that head:
https://github.com/huggingface/transformers/blob/main/src/transformers/models/roberta/modeling_roberta.py. Older
versions also stored a pooler that masked LM, question answering and classifiers never used.
"""

from dataclasses import replace

from bertferry.convert.layout import Form, Layout, table
from bertferry.convert.layouts import huggingface
from bertferry.convert.layouts.ignored import HUGGINGFACE_BUFFERS

HEAD_ROWS = {
    "mlm": table("""
mlm/dense/kernel  | {model}lm_head.dense.weight        | transform hidden
mlm/dense/bias    | {model}lm_head.dense.bias          | transform
mlm/norm/gamma    | {model}lm_head.layer_norm.weight   | transform
mlm/norm/beta     | {model}lm_head.layer_norm.bias     | transform
mlm/bias          | {model}lm_head.bias                | vocab
"""),
    "classifier": table("""
classifier/kernel | {model}classifier.out_proj.weight  | classes hidden
classifier/bias   | {model}classifier.out_proj.bias    | classes
pooler/kernel     | {model}classifier.dense.weight     | pooled hidden
pooler/bias       | {model}classifier.dense.bias       | pooled
"""),
    "tokens": table("""
tokens/kernel     | {model}classifier.weight           | classes hidden
tokens/bias       | {model}classifier.bias             | classes
"""),
    "choice": table("""
choice/kernel     | {model}classifier.weight           | choice hidden
choice/bias       | {model}classifier.bias             | choice
"""),
    "span": huggingface.HEAD_ROWS["span"],
}
WITHOUT_POOLER = ("mlm", "classifier", "tokens", "span")


def forms_at(encoder: str) -> tuple[Form, ...]:
    """Every kind of file of the classes whose encoder has this path; those with an unused pooler are only read."""
    return (
        Form(),
        Form(pooler=False),
        Form(("choice",), encoder=encoder),
        *(Form((head,), encoder=encoder, pooler=False) for head in WITHOUT_POOLER),
        *(Form((head,), encoder=encoder, written=False) for head in WITHOUT_POOLER),
    )


HUGGINGFACE_ROBERTA = Layout(
    name="huggingface_roberta",
    summary="safetensors of a Roberta*, XLMRoberta* or Camembert* model of transformers",
    target="huggingface",
    naming="safetensors",
    encoder=huggingface.ENCODER_ROWS,
    heads=HEAD_ROWS,
    forms=forms_at("roberta."),
    default_task="all",
    ignored=HUGGINGFACE_BUFFERS,
    copies={"{model}lm_head.decoder.weight": "embeddings/word", "{model}lm_head.decoder.bias": "mlm/bias"},
    holds_epsilon=True,
    architecture="roberta",
)

HUGGINGFACE_DATA2VEC = replace(
    HUGGINGFACE_ROBERTA,
    name="huggingface_data2vec",
    summary="safetensors of a Data2VecText* model of transformers",
    forms=forms_at("data2vec_text."),
    architecture="data2vec-text",
)
"""RoBERTa, trained otherwise, at a path of its own."""
