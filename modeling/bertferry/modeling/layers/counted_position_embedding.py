"""Learned position embeddings of tokens that are counted, as RoBERTa does."""

from typing import Any

import tensorflow as tf
import tf_keras

from bertferry.modeling.plain_call import plain_call


@tf_keras.utils.register_keras_serializable(package="Text")
class CountedPositionEmbedding(tf_keras.layers.Layer):
    """ids [B, S] → the vectors of their positions [B, S, W], from a table `counted_embeddings` [R, W].

    A token's position is its number among the ids that are not padding's, after the row of padding's id, which
    padding itself has: `create_position_ids_from_input_ids` of transformers. The mask has no part in it. The table
    has a name of its own, so that no checkpoint of it is restored where positions are places in the sequence.

    Args:
      rows: R, of which R - `padding_id` - 1 are left for tokens.
      embedding_width: W.
      padding_id: the id of padding.
      initializer: of the table.

    Raises:
      ValueError: no row is left, or an input is longer than those that are.
    """

    def __init__(
        self,
        rows: int,
        embedding_width: int,
        padding_id: int,
        initializer: Any = "glorot_uniform",
        **arguments: Any,
    ) -> None:
        super().__init__(**arguments)
        if rows <= padding_id + 1:
            raise ValueError(f"No row of the {rows} is left after that of padding_id {padding_id}.")
        self._rows = rows
        self._embedding_width = embedding_width
        self._padding_id = padding_id
        self._initializer = tf_keras.initializers.get(initializer)

    def build(self, input_shape: Any) -> None:
        """Creates the table."""
        length, longest = tf.TensorShape(input_shape)[1], self._rows - self._padding_id - 1
        if length is not None and length > longest:
            raise ValueError(f"The sequence length {length} exceeds {longest}, the rows after that of padding.")
        self._counted_embeddings = self.add_weight(
            "counted_embeddings", shape=[self._rows, self._embedding_width], initializer=self._initializer
        )
        super().build(input_shape)

    @plain_call
    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """ids [B, S] → [B, S, W]."""
        tokens = tf.cast(tf.not_equal(inputs, self._padding_id), tf.int32)
        return tf.gather(self._counted_embeddings, tf.cumsum(tokens, axis=1) * tokens + self._padding_id)

    def compute_output_shape(self, input_shape: Any) -> tf.TensorShape:
        """[B, S, W]."""
        return tf.TensorShape([*tf.TensorShape(input_shape), self._embedding_width])

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as serializable values."""
        return {
            **super().get_config(),
            "rows": self._rows,
            "embedding_width": self._embedding_width,
            "padding_id": self._padding_id,
            "initializer": tf_keras.initializers.serialize(self._initializer),
        }
