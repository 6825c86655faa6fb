"""Sparse categorical cross-entropy over log-probabilities, weighted by example."""

from typing import Any

import tensorflow as tf

WEIGHT_EPSILON = 1e-5
"""Keeps the mean finite when every weight is zero."""


def per_example_loss(labels: Any, predictions: Any, weights: Any = None) -> tf.Tensor:
    """`-predictions[label]` over the last axis, times `weights` if given.

    Args:
      labels: integers [...], or [..., 1].
      predictions: log-probabilities [..., C].
      weights: numbers [...].

    Raises:
      RuntimeError: ranks that do not match.
    """
    labels, predictions = _align(labels, predictions)
    log_likelihoods = tf.gather(predictions, labels, axis=-1, batch_dims=labels.shape.rank)
    if weights is None:
        return -log_likelihoods
    return -log_likelihoods * _cast_weights(weights, labels, predictions)


def loss(labels: Any, predictions: Any, weights: Any = None) -> tf.Tensor:
    """The mean of the per-example losses; with weights, their sum over Σ weights + 1e-5.

    Arguments and errors as for `per_example_loss`.
    """
    losses = per_example_loss(labels, predictions, weights)
    if weights is None:
        return tf.reduce_mean(losses)
    labels, predictions = _align(labels, predictions)
    return tf.reduce_sum(losses) / (tf.reduce_sum(_cast_weights(weights, labels, predictions)) + WEIGHT_EPSILON)


def _align(labels: Any, predictions: Any) -> tuple[tf.Tensor, tf.Tensor]:
    """Labels as integers without a superfluous last axis, predictions as a tensor, of matching ranks."""
    predictions = tf.convert_to_tensor(predictions)
    labels = tf.cast(tf.convert_to_tensor(labels), tf.int32)
    if labels.shape.rank == predictions.shape.rank and labels.shape[-1] == 1:
        labels = tf.squeeze(labels, axis=-1)
    if labels.shape.rank != predictions.shape.rank - 1:
        raise RuntimeError(
            "labels and predictions without their last axis must be of the same rank: "
            f"labels have shape {labels.shape}, predictions {predictions.shape}"
        )
    return labels, predictions


def _cast_weights(weights: Any, labels: tf.Tensor, predictions: tf.Tensor) -> tf.Tensor:
    weights = tf.cast(tf.convert_to_tensor(weights), predictions.dtype)
    if weights.shape.rank != labels.shape.rank:
        raise RuntimeError(
            f"weights and labels must be of the same rank: weights have shape {weights.shape}, "
            f"labels {labels.shape}"
        )
    return weights
