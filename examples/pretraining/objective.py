"""What pretraining minimizes: the losses of masked tokens and of the next sentence."""

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import tensorflow as tf
from weights import load_weights

from bertferry.convert import Checkpoint
from bertferry.core.tasks import ENCODER_INPUTS, POSITIONS_INPUT
from bertferry.modeling.builders import pretrain_model, task_model
from bertferry.modeling.losses import weighted_sparse_categorical_crossentropy_loss as cross_entropy
from bertferry.modeling.networks import BertPretrainer

Tensors = Mapping[str, tf.Tensor]
INPUTS = (*ENCODER_INPUTS, POSITIONS_INPUT)


class Objective:
    """The model that is trained, its network, and its losses.

    Attributes:
      model: what is trained.
      network: the encoder with its heads, whose weights those of the model are.

    Args:
      checkpoint: whose values the model begins with; those that it lacks stay as the seed has them.
      most: predictions per example.
      next_sentence: whether the next sentence is predicted.
    """

    def __init__(self, checkpoint: Checkpoint, most: int, *, next_sentence: bool) -> None:
        config = checkpoint.config
        self._next_sentence = next_sentence
        if next_sentence:
            self.model, _ = pretrain_model(config, None, most)
            self.network = next(layer for layer in self.model.layers if isinstance(layer, BertPretrainer))
        else:
            pooler = checkpoint.task("mlm").pooler
            self.model = self.network = task_model(config, "mlm", pooler=pooler)
        load_weights(self.network, checkpoint)
        integers = (*INPUTS, "masked_lm_ids", *(["next_sentence_labels"] if next_sentence else []))
        signature = {name: tf.TensorSpec([None, None], tf.int32) for name in integers}
        signature["masked_lm_weights"] = tf.TensorSpec([None, None], tf.float32)
        self._sums = tf.function(self._count, input_signature=[signature], autograph=False)

    def loss(self, batch: Tensors) -> tf.Tensor:
        """The mean loss of a batch, a scalar."""
        if self._next_sentence:
            labels = tf.reshape(batch["next_sentence_labels"], (-1, 1))  # its second size is to be known
            return tf.reduce_mean(self.model({**batch, "next_sentence_labels": labels}, training=True))
        scores = self._masked_lm({name: batch[name] for name in INPUTS}, training=True)
        return cross_entropy(batch["masked_lm_ids"], scores, batch["masked_lm_weights"])

    def evaluate(
        self, batches: Iterable[Mapping[str, np.ndarray]], tell: Callable[[int], None]
    ) -> dict[str, float]:
        """Mean losses and accuracies of masked tokens and next sentences; `score` grows as the losses fall."""
        sums = np.zeros(6)
        for number, batch in enumerate(batches):
            tell(number)
            sums += np.array(self._sums(batch), np.float64)
        lm_loss, lm_hits, tokens, nsp_loss, nsp_hits, pairs = sums
        results = {"masked_lm_loss": lm_loss / tokens, "masked_lm_accuracy": lm_hits / tokens}
        loss = results["masked_lm_loss"]
        if pairs:
            results |= {"next_sentence_loss": nsp_loss / pairs, "next_sentence_accuracy": nsp_hits / pairs}
            loss += results["next_sentence_loss"]
        return {**results, "score": -loss}

    def _masked_lm(self, inputs: Tensors, *, training: bool) -> tf.Tensor:
        """Log-probabilities of the masked tokens, [B, P, V]."""
        return tf.nn.log_softmax(self.network(inputs, training=training)[-1])

    def _count(self, batch: Tensors) -> tf.Tensor:
        """Sums of a batch: loss, hits and number of masked tokens, then of next sentences."""
        inputs = {name: batch[name] for name in INPUTS}
        if not self._next_sentence:
            return [*_sums(self._masked_lm(inputs, training=False), batch), 0.0, 0.0, 0.0]
        masked_lm, sentence = self.network(inputs, training=False)
        labels = batch["next_sentence_labels"]
        return [*_sums(masked_lm, batch), *_totals(sentence[:, None], labels, tf.ones_like(labels, tf.float32))]


def _sums(scores: tf.Tensor, batch: Tensors) -> list[tf.Tensor]:
    return _totals(scores, batch["masked_lm_ids"], batch["masked_lm_weights"])


def _totals(scores: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor) -> list[tf.Tensor]:
    """Loss, hits and number of predictions from log-probabilities [B, P, C], labels and weights [B, P]."""
    losses = -tf.gather(scores, labels, axis=-1, batch_dims=2)
    hits = tf.cast(tf.equal(tf.argmax(scores, axis=-1, output_type=tf.int32), labels), tf.float32)
    return [tf.reduce_sum(values * weights) for values in (losses, hits, tf.ones_like(weights))]
