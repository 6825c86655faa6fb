"""Builds text modules: preprocessing for an encoder, and text embeddings.

Interface: https://www.tensorflow.org/hub/common_saved_model_apis/text (preprocessors; text embeddings).
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from bertferry.core.tasks import ENCODER_INPUTS
from bertferry.export.tokenization import Tokenizer
from bertferry.modeling.tf_compat import set_default_signature

Function = Any
"""A tf.function, whose type TensorFlow does not publish."""
TEXTS = tf.TensorSpec([None], tf.string, "text")
LENGTH = tf.TensorSpec([], tf.int32, "seq_length")
SEGMENTS = (1, 2)
"""Numbers of segments that `bert_pack_inputs` accepts."""


def attach_tokenizer(vocabulary: Path, do_lower_case: bool, module: tf.train.Checkpoint) -> Tokenizer:
    """Attaches a vocabulary to the module, as its asset and its lookup table; returns the tokenizer."""
    module.vocab_file = tf.saved_model.Asset(str(vocabulary))
    module.do_lower_case = tf.Variable(do_lower_case, trainable=False, name="do_lower_case")
    tokenizer = Tokenizer(vocabulary, module.vocab_file, do_lower_case)
    module.vocabulary = tokenizer.table
    return tokenizer


def build_preprocessing(
    vocabulary: Path, do_lower_case: bool, seq_length: int
) -> tuple[tf.train.Checkpoint, dict[str, Function]]:
    """Builds the trackable object to save as a preprocessing module, and its serving signature.

    The root maps strings [B] to the int32 inputs [B, `seq_length`] of an encoder; the argument `seq_length` of a
    call overrides the length. `.tokenize` maps strings to ragged word pieces and lists the special tokens,
    `.tokenize_with_offsets` adds their start and end in the normalized text, in bytes, and `.bert_pack_inputs`
    packs one or two segments of word pieces into inputs.
    """
    module = tf.train.Checkpoint()
    tokenizer = attach_tokenizer(vocabulary, do_lower_case, module)

    def preprocess(inputs: tf.Tensor, seq_length: tf.Tensor | int = seq_length) -> dict[str, tf.Tensor]:
        return tokenizer.pack([tokenizer.tokenize(inputs)], seq_length)

    module.__call__ = tf.function(preprocess, autograph=False)
    module.__call__.get_concrete_function(TEXTS)
    module.__call__.get_concrete_function(TEXTS, LENGTH)
    module.tokenize = _make_callable(tokenizer.tokenize, tokenizer)
    special = {
        "start_of_sequence_id": tokenizer.ids["[CLS]"],
        "end_of_segment_id": tokenizer.ids["[SEP]"],
        "padding_id": tokenizer.ids["[PAD]"],
        "mask_id": tokenizer.ids["[MASK]"],
        "vocab_size": tokenizer.size,
    }
    module.tokenize.get_special_tokens_dict = tf.function(
        lambda: {name: tf.constant(value, tf.int32) for name, value in special.items()},
        input_signature=[],
        autograph=False,
    )
    module.tokenize_with_offsets = _make_callable(tokenizer.tokenize_with_offsets, tokenizer)
    module.bert_pack_inputs = _make_packer(tokenizer, seq_length)
    serving = tf.function(lambda text: preprocess(text), input_signature=[TEXTS], autograph=False)
    set_default_signature(module, serving)
    return module, {"serving_default": serving}


def build_text_embedding(
    vocabulary: Path,
    do_lower_case: bool,
    max_length: int,
    embed: Callable[[Mapping[str, tf.Tensor], bool], tf.Tensor],
    variables: Sequence[tf.Variable],
) -> tuple[tf.train.Checkpoint, dict[str, Function]]:
    """Builds the trackable object to save as a text embedding, and its serving signature.

    The root maps strings [B] to float32 embeddings [B, H], with `training` on and off; `.embed` maps a dict of
    encoder inputs to embeddings. Texts are truncated to `max_length` word pieces and padded to the longest of a
    batch.

    Args:
      vocabulary, do_lower_case: vocabulary and casing of the tokenizer.
      max_length: maximum number of word pieces, including [CLS] and [SEP].
      embed: a function of a dict of int32 inputs and `training` that returns embeddings.
      variables: the variables that `embed` uses.
    """
    module = tf.train.Checkpoint()
    tokenizer = attach_tokenizer(vocabulary, do_lower_case, module)
    module.variables = list(variables)
    module.trainable_variables = [variable for variable in variables if variable.trainable]
    module.regularization_losses = []

    def call(inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        pieces = tokenizer.tokenize(inputs).merge_dims(1, -1)
        longest = tf.cast(tf.reduce_max(tf.concat([pieces.row_lengths(), [0]], axis=0)), tf.int32)
        return embed(tokenizer.pack([pieces], tf.minimum(longest + 2, max_length)), training)

    module.__call__ = tf.function(call, autograph=False)
    for training in (False, True):
        module.__call__.get_concrete_function(TEXTS, training=training)
    specs = {name: tf.TensorSpec([None, None], tf.int32, name) for name in ENCODER_INPUTS}
    module.embed = tf.function(lambda inputs: embed(inputs, False), autograph=False)
    module.embed.get_concrete_function(specs)
    module.serve = tf.function(lambda text: call(text), input_signature=[TEXTS], autograph=False)
    module.serve_training = tf.function(lambda text: call(text, True), input_signature=[TEXTS], autograph=False)
    serving = tf.function(lambda text: {"embeddings": call(text)}, input_signature=[TEXTS], autograph=False)
    set_default_signature(module, serving)
    return module, {"serving_default": serving}


def pool(pooling: str, sequence: tf.Tensor, first: tf.Tensor | None, mask: tf.Tensor) -> tf.Tensor:
    """One vector per text [B, H]: the first position (`cls`), the pooler's output `first` (`pooled`), or the mean
    over the tokens (`mean`; Reimers and Gurevych, 2019)."""
    if pooling == "pooled":
        return first
    if pooling == "cls":
        return sequence[:, 0, :]
    weights = tf.cast(mask, sequence.dtype)[:, :, tf.newaxis]
    return tf.reduce_sum(sequence * weights, axis=1) / tf.maximum(tf.reduce_sum(weights, axis=1), 1e-9)


def _make_callable(function: Callable[[tf.Tensor], Any], tokenizer: Tokenizer) -> tf.train.Checkpoint:
    """Makes a function an object of its own, which `hub.KerasLayer` can wrap.

    It owns the table that it looks words up in: a model with this layer alone is saved with it.
    """
    holder = tf.train.Checkpoint()
    holder.vocabulary = tokenizer.table
    holder.__call__ = tf.function(function, autograph=False)
    holder.__call__.get_concrete_function(TEXTS)
    return holder


def _make_packer(tokenizer: Tokenizer, seq_length: int) -> tf.train.Checkpoint:
    def pack(inputs: Sequence[tf.RaggedTensor], seq_length: tf.Tensor | int = seq_length) -> dict[str, tf.Tensor]:
        return tokenizer.pack(inputs, seq_length)

    holder = tf.train.Checkpoint()
    holder.__call__ = tf.function(pack, autograph=False)
    for count in SEGMENTS:
        for rank in (1, 2):  # word pieces of a text, flat or grouped by word
            segment = tf.RaggedTensorSpec([None] * (rank + 1), tf.int32, ragged_rank=rank)
            holder.__call__.get_concrete_function([segment] * count)
            holder.__call__.get_concrete_function([segment] * count, LENGTH)
    return holder
