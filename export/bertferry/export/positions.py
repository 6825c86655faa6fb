"""Where tokens are, as plain TensorFlow operations: their positions, and how far each is from each."""

from collections.abc import Mapping

import tensorflow as tf

from bertferry.core.config import EncoderConfig
from bertferry.core.relative_positions import BUCKET_OF_DISTANCE, BUCKETS, FARTHEST


def position_embeddings(
    parameters: Mapping[str, tf.Variable], config: EncoderConfig, word_ids: tf.Tensor
) -> tf.Tensor:
    """The embeddings of positions: [S, E], or [B, S, E] where they are counted for ids [B, S].

    Counted as `create_position_ids_from_input_ids` of transformers does: over ids, whatever the mask says.
    """
    table = parameters["embeddings/position"]
    if not config.switches.counts_positions:
        return table[: tf.shape(word_ids)[1]]
    tokens = tf.cast(tf.not_equal(word_ids, config.pad_id), tf.int32)
    return tf.gather(table, tf.cumsum(tokens, axis=1) * tokens + config.pad_id)


def relative_bias(table: tf.Variable, length: tf.Tensor) -> tf.Tensor:
    """What to add to the scores by relative position, float32 [1, N, S, S], of a table [buckets, N]."""
    places = tf.range(length)
    after = places - tf.expand_dims(places, 1)  # of each key from each query
    buckets = tf.gather(tf.constant(BUCKET_OF_DISTANCE), tf.minimum(tf.abs(after), FARTHEST))
    buckets += tf.cast(after > 0, tf.int32) * (BUCKETS // 2)
    values = tf.cast(tf.gather(table, buckets), tf.float32)
    return tf.expand_dims(tf.transpose(values, [2, 0, 1]), 0)
