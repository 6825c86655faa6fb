"""Builds text modules: preprocessing for an encoder, and text embeddings.

Interface: https://www.tensorflow.org/hub/common_saved_model_apis/text (preprocessors; text embeddings).
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from bertferry.core.sentence import Sentence
from bertferry.core.tasks import ENCODER_INPUTS
from bertferry.core.tokenizer import Tokenizer
from bertferry.export.text.packing import Length, Packer, added
from bertferry.export.text.prompts import prompt_functions
from bertferry.export.text.tokenization import TEXTS, GraphTokenizer
from bertferry.modeling.tf_compat import set_default_signature

Function = Any
"""A tf.function, whose type TensorFlow does not publish."""
LENGTH = tf.TensorSpec([], tf.int32, "seq_length")
SEGMENTS = (1, 2)
"""Numbers of segments that `bert_pack_inputs` accepts."""
Embed = Callable[[Mapping[str, tf.Tensor], tf.Tensor, bool], tf.Tensor]
"""Maps encoder inputs, a mask of the tokens that are pooled, and `training` to embeddings."""


def attach_tokenizer(vocabulary: Path, tokenizer: Tokenizer, module: tf.train.Checkpoint) -> GraphTokenizer:
    """Attaches a vocabulary to the module, as its asset, and the tables of the tokenizer; returns its graph."""
    module.vocab_file = tf.saved_model.Asset(str(vocabulary))
    module.do_lower_case = tf.Variable(tokenizer.lower_case, trainable=False, name="do_lower_case")
    graph = GraphTokenizer(tokenizer)
    module.tables = graph.tables
    return graph


def build_preprocessing(
    vocabulary: Path, settings: Tokenizer, seq_length: int
) -> tuple[tf.train.Checkpoint, dict[str, Function]]:
    """Builds the trackable object to save as a preprocessing module, and its serving signature.

    The root maps strings [B] to the int32 inputs [B, `seq_length`] of an encoder; the argument `seq_length` of a
    call overrides the length. `.tokenize` maps strings to ragged word pieces and lists the special tokens,
    `.tokenize_with_offsets` adds where they begin and end in the text, in bytes, and `.bert_pack_inputs` packs one
    or two segments of word pieces into inputs.
    """
    module = tf.train.Checkpoint()
    tokenizer, packer = attach_tokenizer(vocabulary, settings, module), Packer(settings)

    def preprocess(inputs: tf.Tensor, seq_length: Length = seq_length) -> dict[str, tf.Tensor]:
        return packer.pack([tokenizer.tokenize(inputs)], seq_length)

    module.__call__ = tf.function(preprocess, autograph=False)
    module.__call__.get_concrete_function(TEXTS)
    module.__call__.get_concrete_function(TEXTS, LENGTH)
    module.tokenize = _make_callable(tokenizer.tokenize_words, tokenizer)
    special = special_tokens(settings)
    module.tokenize.get_special_tokens_dict = tf.function(
        lambda: {name: tf.constant(value, tf.int32) for name, value in special.items()},
        input_signature=[],
        autograph=False,
    )
    module.tokenize_with_offsets = _make_callable(tokenizer.tokenize_with_offsets, tokenizer)
    module.bert_pack_inputs = _make_packer(packer, seq_length)
    serving = tf.function(lambda text: preprocess(text), input_signature=[TEXTS], autograph=False)
    set_default_signature(module, serving)
    return module, {"serving_default": serving}


def special_tokens(settings: Tokenizer) -> dict[str, int]:
    """What `get_special_tokens_dict` answers; what the frame of a text or the vocabulary lacks is absent."""
    begin, end = (settings.single[place].ids if settings.single else () for place in (0, -1))
    found = {
        "start_of_sequence_id": begin[0] if begin else None,
        "end_of_segment_id": end[-1] if end else None,
        "padding_id": settings.ids["pad"],
        "mask_id": settings.ids.get("mask"),
        "vocab_size": len(settings.tokens),
    }
    return {name: value for name, value in found.items() if value is not None}


def build_text_embedding(
    vocabulary: Path,
    settings: Tokenizer,
    max_length: int,
    sentence: Sentence,
    embed: Embed,
    variables: Sequence[tf.Variable],
) -> tuple[tf.train.Checkpoint, dict[str, Function]]:
    """Builds the trackable object to save as a text embedding, and its signatures.

    The root maps strings [B] to float32 embeddings [B, H], with `training` on and off; `.embed` maps a dict of
    encoder inputs to embeddings. Texts are truncated to `max_length` word pieces and padded to the longest of a
    batch. The root puts the default prompt before each text, and `.embed_NAME` the one of that name.

    Args:
      vocabulary, settings: of the tokenizer.
      max_length: maximum number of word pieces, including those of the frame.
      sentence: the prompts.
      embed: the encoder and what follows it.
      variables: the variables that `embed` uses.
    """
    module = tf.train.Checkpoint()
    tokenizer, packer = attach_tokenizer(vocabulary, settings, module), Packer(settings)
    module.variables = list(variables)
    module.trainable_variables = [variable for variable in variables if variable.trainable]
    module.regularization_losses = []

    def call_with(prompt: str) -> Callable[..., tf.Tensor]:
        left_out = 0 if sentence.include_prompt else count_prompt(prompt, tokenizer, packer, max_length)

        def call(inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
            pieces = tokenizer.tokenize(tf.strings.join([prompt, inputs]) if prompt else inputs)
            longest = tf.cast(tf.reduce_max(tf.concat([pieces.row_lengths(), [0]], axis=0)), tf.int32)
            packed = packer.pack([pieces], tf.minimum(longest + added(settings.single), max_length))
            mask = packed["input_mask"]
            return embed(packed, mask * tf.cast(tf.cumsum(mask, axis=1) > left_out, tf.int32), training)

        return call

    call = call_with(sentence.prompts.get(sentence.default_prompt or "", ""))
    module.__call__ = tf.function(call, autograph=False)
    for training in (False, True):
        module.__call__.get_concrete_function(TEXTS, training=training)
    specs = {name: tf.TensorSpec([None, None], tf.int32, name) for name in ENCODER_INPUTS}
    module.embed = tf.function(lambda inputs: embed(inputs, inputs["input_mask"], False), autograph=False)
    module.embed.get_concrete_function(specs)
    module.serve = tf.function(lambda text: call(text), input_signature=[TEXTS], autograph=False)
    module.serve_training = tf.function(lambda text: call(text, True), input_signature=[TEXTS], autograph=False)
    serving = _signature(call)
    set_default_signature(module, serving)
    signatures = {"serving_default": serving}
    for name, function in prompt_functions(sentence).items():
        named = call_with(sentence.prompts[name])
        setattr(module, function, _make_callable(named, tokenizer))
        signatures[function] = _signature(named)
    return module, signatures


def count_prompt(prompt: str, tokenizer: GraphTokenizer, packer: Packer, max_length: int) -> int:
    """How many tokens at the beginning of an input are a prompt's, as sentence-transformers counts them.

    Those of the prompt alone with its frame, without a special token at its end.
    """
    if not prompt:
        return 0
    settings = tokenizer.settings
    pieces = tokenizer.tokenize(tf.constant([prompt]))
    length = min(int(pieces.row_lengths()[0]) + added(settings.single), max_length)
    last = int(packer.pack([pieces], length)["input_word_ids"][0, -1])
    special = {*settings.ids.values(), *(token.id for token in settings.added if token.special)}
    return length - (last in special)


def _signature(call: Callable[..., tf.Tensor]) -> Function:
    return tf.function(lambda text: {"embeddings": call(text)}, input_signature=[TEXTS], autograph=False)


def _make_callable(function: Callable[[tf.Tensor], Any], tokenizer: GraphTokenizer) -> tf.train.Checkpoint:
    """Makes a function an object of its own, which `hub.KerasLayer` can wrap.

    It owns the tables that it looks words up in: a model with this layer alone is saved with them.
    """
    holder = tf.train.Checkpoint()
    holder.tables = tokenizer.tables
    holder.__call__ = tf.function(function, autograph=False)
    holder.__call__.get_concrete_function(TEXTS)
    return holder


def _make_packer(packer: Packer, seq_length: int) -> tf.train.Checkpoint:
    def pack(inputs: Sequence[tf.RaggedTensor], seq_length: Length = seq_length) -> dict[str, tf.Tensor]:
        flat = [segment.merge_dims(1, -1) if segment.ragged_rank > 1 else segment for segment in inputs]
        return packer.pack(flat, seq_length)

    holder = tf.train.Checkpoint()
    holder.__call__ = tf.function(pack, autograph=False)
    for count in SEGMENTS:
        for rank in (1, 2):  # word pieces of a text, flat or grouped by word
            segment = tf.RaggedTensorSpec([None] * (rank + 1), tf.int32, ragged_rank=rank)
            holder.__call__.get_concrete_function([segment] * count)
            holder.__call__.get_concrete_function([segment] * count, LENGTH)
    return holder
