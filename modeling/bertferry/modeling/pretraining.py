"""The pretraining objective of BERT (Devlin et al., 2018): masked words and next sentence."""

from collections.abc import Sequence

import tensorflow as tf
import tf_keras

from bertferry.modeling.losses import weighted_sparse_categorical_crossentropy_loss as cross_entropy
from bertferry.modeling.losses.weighted_sparse_categorical_crossentropy import WEIGHT_EPSILON
from bertferry.modeling.plain_call import plain_call


@tf_keras.utils.register_keras_serializable(package="Text")
class PretrainingLoss(tf_keras.layers.Layer):
    """The sum of both losses, and the four metrics of pretraining.

    Call: `[lm log-probabilities [B, P, V], sentence log-probabilities [B, 2], lm_ids [B, P],
    lm_weights [B, P], sentence_labels [B, 1]]` → the total loss, repeated for each example: [B].
    """

    @plain_call
    def call(self, inputs: Sequence[tf.Tensor]) -> tf.Tensor:
        """Adds the metrics to the model and returns the total loss [B]."""
        lm, sentence, lm_ids, lm_weights, sentence_labels = inputs
        lm_loss = cross_entropy(lm_ids, lm, lm_weights)
        sentence_loss = cross_entropy(sentence_labels, sentence)
        hits = tf.cast(tf.equal(tf.argmax(lm, axis=-1, output_type=tf.int32), lm_ids), lm_weights.dtype)
        lm_accuracy = tf.reduce_sum(hits * lm_weights) / (tf.reduce_sum(lm_weights) + WEIGHT_EPSILON)
        guesses = tf.argmax(sentence, axis=-1, output_type=tf.int32)[:, tf.newaxis]
        sentence_accuracy = tf.reduce_mean(tf.cast(tf.equal(guesses, sentence_labels), tf.float32))
        self.add_metric(lm_accuracy, name="masked_lm_accuracy")
        self.add_metric(lm_loss, name="lm_example_loss")
        self.add_metric(sentence_accuracy, name="next_sentence_accuracy")
        self.add_metric(sentence_loss, name="next_sentence_mean_loss")
        return tf.fill([tf.shape(lm)[0]], lm_loss + sentence_loss)
