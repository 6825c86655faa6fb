"""MPNet: RoBERTa without segments, with a bias of attention by relative position, under names of its own.

https://github.com/huggingface/transformers/blob/main/src/transformers/models/mpnet/modeling_mpnet.py.
"""

from dataclasses import replace

from bertferry.convert.layout import table
from bertferry.convert.layouts.roberta import HUGGINGFACE_ROBERTA, forms_at

HUGGINGFACE_MPNET = replace(
    HUGGINGFACE_ROBERTA,
    name="huggingface_mpnet",
    summary="safetensors of an MPNet* model of transformers",
    encoder=table("""
embeddings/word                         | {encoder}embeddings.word_embeddings.weight                 | vocab embedding
embeddings/position                     | {encoder}embeddings.position_embeddings.weight             | position embedding
embeddings/norm/gamma                   | {encoder}embeddings.LayerNorm.weight                       | embedding
embeddings/norm/beta                    | {encoder}embeddings.LayerNorm.bias                         | embedding
embeddings/relative                     | {encoder}encoder.relative_attention_bias.weight            | bucket heads
encoder/{layer}/attention/query/kernel  | {encoder}encoder.layer.{layer}.attention.attn.q.weight     | (heads head_size) hidden
encoder/{layer}/attention/query/bias    | {encoder}encoder.layer.{layer}.attention.attn.q.bias       | (heads head_size)
encoder/{layer}/attention/key/kernel    | {encoder}encoder.layer.{layer}.attention.attn.k.weight     | (heads head_size) hidden
encoder/{layer}/attention/key/bias      | {encoder}encoder.layer.{layer}.attention.attn.k.bias       | (heads head_size)
encoder/{layer}/attention/value/kernel  | {encoder}encoder.layer.{layer}.attention.attn.v.weight     | (heads head_size) hidden
encoder/{layer}/attention/value/bias    | {encoder}encoder.layer.{layer}.attention.attn.v.bias       | (heads head_size)
encoder/{layer}/attention/output/kernel | {encoder}encoder.layer.{layer}.attention.attn.o.weight     | hidden (heads head_size)
encoder/{layer}/attention/output/bias   | {encoder}encoder.layer.{layer}.attention.attn.o.bias       | hidden
encoder/{layer}/attention/norm/gamma    | {encoder}encoder.layer.{layer}.attention.LayerNorm.weight  | hidden
encoder/{layer}/attention/norm/beta     | {encoder}encoder.layer.{layer}.attention.LayerNorm.bias    | hidden
encoder/{layer}/intermediate/kernel     | {encoder}encoder.layer.{layer}.intermediate.dense.weight   | intermediate hidden
encoder/{layer}/intermediate/bias       | {encoder}encoder.layer.{layer}.intermediate.dense.bias     | intermediate
encoder/{layer}/output/kernel           | {encoder}encoder.layer.{layer}.output.dense.weight         | hidden intermediate
encoder/{layer}/output/bias             | {encoder}encoder.layer.{layer}.output.dense.bias           | hidden
encoder/{layer}/output/norm/gamma       | {encoder}encoder.layer.{layer}.output.LayerNorm.weight     | hidden
encoder/{layer}/output/norm/beta        | {encoder}encoder.layer.{layer}.output.LayerNorm.bias       | hidden
pooler/kernel                           | {encoder}pooler.dense.weight                               | pooled hidden
pooler/bias                             | {encoder}pooler.dense.bias                                 | pooled
"""),
    forms=forms_at("mpnet."),
    architecture="mpnet",
)
