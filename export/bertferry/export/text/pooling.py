"""Turns an encoder's outputs into embeddings, as the modules of sentence-transformers do.

https://sbert.net/docs/package_reference/sentence_transformer/models.html
"""

from collections.abc import Callable, Sequence

import tensorflow as tf

from bertferry.convert.sentence_modules import read_dense
from bertferry.core.sentence import Dense, Normalize

BELOW_ALL = -1_000_000_000
"""What no position that counts is less than, computed in integers: in float16, files of LiteRT hold no such
constant, nor the small ones by which sentence-transformers divides where nothing counts."""
ACTIVATIONS: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
    "identity": tf.identity,
    "tanh": tf.tanh,
    "relu": tf.nn.relu,
    "gelu": lambda x: tf.nn.gelu(x, approximate=False),
    "sigmoid": tf.sigmoid,
}
Layer = Callable[[tf.Tensor], tf.Tensor]


def pool(
    poolings: Sequence[str], sequence: tf.Tensor, first: tf.Tensor | None, mask: tf.Tensor, given: tf.Tensor
) -> tf.Tensor:
    """One vector per text [B, H × number of poolings].

    Args:
      poolings: names, as in `bertferry.core.sentence.POOLINGS`.
      sequence: vectors of tokens [B, S, H].
      first: the pooler's output [B, H], for `pooled`.
      mask: 1 for each token that counts [B, S]; a row may have none.
      given: 1 for each token that the encoder was given [B, S].
    """
    # LiteRT's converter refuses slices with new axes.
    counts = tf.expand_dims(mask, -1)
    weights = tf.cast(counts, sequence.dtype)
    total, count = tf.reduce_sum(sequence * weights, axis=1), tf.reduce_sum(weights, axis=1)
    vectors = []
    for pooling in poolings:
        if pooling == "pooled":
            vectors.append(first)
        elif pooling == "cls":
            vectors.append(tf.gather(sequence, tf.argmax(mask, axis=1), batch_dims=1))
        elif pooling == "max":
            below = tf.cast((1 - counts) * BELOW_ALL, sequence.dtype)
            vectors.append(tf.reduce_max(tf.where(weights > 0, sequence, below), axis=1))
        elif pooling == "mean":
            vectors.append(total / tf.maximum(count, 1))
        elif pooling == "mean_sqrt_len":
            vectors.append(total / tf.sqrt(tf.maximum(count, 1)))
        elif pooling == "weightedmean":
            vectors.append(_weighted_mean(sequence, weights, given))
        else:
            vectors.append(_last(sequence, mask))
    return tf.concat(vectors, axis=-1)


def build_layers(layers: Sequence[Dense | Normalize]) -> tuple[list[Layer], list[tf.Variable]]:
    """What follows the pooling, as functions, and their variables.

    Raises:
      DataError: the weights of a layer are not those that it promises.
    """
    functions: list[Layer] = []
    variables: list[tf.Variable] = []
    for number, layer in enumerate(layers):
        if isinstance(layer, Normalize):
            functions.append(_scale)
            continue
        kernel, bias = read_dense(layer)
        own = [tf.Variable(kernel, name=f"sentence/dense_{number}/kernel")]
        own += [] if bias is None else [tf.Variable(bias, name=f"sentence/dense_{number}/bias")]
        variables += own
        functions.append(_dense(own, ACTIVATIONS[layer.activation]))
    return functions, variables


def _dense(variables: Sequence[tf.Variable], activation: Layer) -> Layer:
    def apply(vectors: tf.Tensor) -> tf.Tensor:
        product = tf.matmul(vectors, variables[0])
        return activation(product + variables[1] if len(variables) > 1 else product)

    return apply


def _scale(vectors: tf.Tensor) -> tf.Tensor:
    return tf.math.divide_no_nan(vectors, tf.norm(vectors, axis=-1, keepdims=True))


def _weighted_mean(sequence: tf.Tensor, weights: tf.Tensor, given: tf.Tensor) -> tf.Tensor:
    """The mean, in which the n-th position from the first that was given has the weight n."""
    first = tf.expand_dims(tf.argmax(given, axis=1, output_type=tf.int32), -1)
    positions = tf.range(1, tf.shape(sequence)[1] + 1) - first
    weights *= tf.expand_dims(tf.cast(positions, sequence.dtype), -1)
    return tf.reduce_sum(sequence * weights, axis=1) / tf.maximum(tf.reduce_sum(weights, axis=1), 1)


def _last(sequence: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    places = tf.range(tf.shape(mask)[1]) * tf.cast(mask > 0, tf.int32)
    chosen = tf.gather(sequence, tf.reduce_max(places, axis=1), batch_dims=1)
    return chosen * tf.expand_dims(tf.cast(tf.reduce_any(mask > 0, axis=1), sequence.dtype), -1)
