"""The span labeler that is trained, from a checkpoint or around a Hub module: its loss, its scores of windows."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras
from pieces import padded
from training.batches import in_order
from weights import load_weights, write_checkpoint

from bertferry.convert.plan import Plan
from bertferry.core.config import MASKED_SCORE
from bertferry.core.tasks import ENCODER_INPUTS
from bertferry.modeling.builders import squad_model
from bertferry.modeling.variables import named_variables
from squad.answers import Scores
from squad.windows import Window

Batch = Mapping[str, np.ndarray]


class SpanModel:
    """A model for fine-tuning with the weights of a checkpoint.

    Attributes:
      model: what is trained.

    Args:
      work: how the trained model is written, and the checkpoint that it begins with.
      module: a Hub module with the same weights, to train instead of the network here.
      module_dropout: whether it drops values in training.
    """

    def __init__(self, work: Plan, module: str | None, *, module_dropout: bool = True) -> None:
        self._work, self._module = work, module
        config = work.checkpoint.config
        if module is None:
            self.model, _ = squad_model(config, None)
            load_weights(self.model, work.checkpoint)
        else:
            self.model, self._core = squad_model(
                config, None, hub_module_url=module, hub_module_dropout=module_dropout
            )
        signature = {name: tf.TensorSpec([None, None], tf.int32) for name in ENCODER_INPUTS}
        self._score = tf.function(self._scores, input_signature=[signature], autograph=False)

    def loss(self, batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """The mean of the cross-entropies of first and last tokens, a scalar.

        Unlike the original's it gives padding no share: it does not depend on what else is in the batch.
        """
        hidden = MASKED_SCORE * (1 - tf.cast(batch["input_mask"], tf.float32))
        losses = [
            tf.nn.sparse_softmax_cross_entropy_with_logits(batch[name], scores + hidden)
            for name, scores in zip(("first", "last"), self._call(batch, training=True), strict=True)
        ]
        return tf.reduce_mean(tf.stack(losses))

    def scores(self, batch: Batch) -> Sequence[np.ndarray]:
        """The scores of all positions as first and as last token of the answer, [B, S] each."""
        return [values.numpy() for values in self._score({name: batch[name] for name in ENCODER_INPUTS})]

    def _scores(self, batch: Mapping[str, tf.Tensor]) -> list[tf.Tensor]:
        return self._call(batch, training=False)

    def _call(self, batch: Mapping[str, tf.Tensor], *, training: bool) -> list[tf.Tensor]:
        return list(self.model([batch[name] for name in ENCODER_INPUTS], training=training))

    def write(self, folder: Path) -> None:
        """Writes the model as a converted checkpoint, with configuration and tokenizer."""
        write_checkpoint(folder, self.model if self._module is None else self._network(), self._work)

    def _network(self) -> tf_keras.Model:
        """The network that computes what the model around a Hub module computes."""
        network, _ = squad_model(self._work.checkpoint.config, None)
        kernel, bias = self.model.get_layer("span").weights
        values = {variable.name.partition(":")[0]: variable for variable in self._core.variables}
        values |= {"span/kernel": kernel, "span/bias": bias}
        for name, variable in named_variables(network).items():
            variable.assign(values[name])
        return network


def batch_of(windows: Sequence[Window], pad_id: int) -> dict[str, np.ndarray]:
    """The inputs [B, S] of windows, as long as the longest, and the positions [B] of the answers."""
    labels = np.array([window.label for window in windows], np.int32).reshape(-1, 2)
    inputs = padded([(window.ids, window.types) for window in windows], pad_id)
    return {**inputs, "first": labels[:, 0], "last": labels[:, 1]}


def score_windows(
    windows: Sequence[Window],
    batch_size: int,
    pad_id: int,
    score: Callable[[dict[str, np.ndarray]], Sequence[np.ndarray]],
    tell: Callable[[int, int], None],
) -> list[Scores]:
    """The scores of windows by whatever computes them, in their order.

    Args:
      windows: of any lengths.
      batch_size: how many are computed at once.
      pad_id: the id of padding.
      score: computes [B, S] as first and as last token for a batch.
      tell: is told how many batches of how many are done.
    """
    batches = in_order([len(window.ids) for window in windows], batch_size)
    found: dict[int, Scores] = {}
    for number, chosen in enumerate(batches):
        tell(number, len(batches))
        first, last = score(batch_of([windows[at] for at in chosen], pad_id))
        found |= {int(at): (first[row], last[row]) for row, at in enumerate(chosen)}
    return [found[at] for at in range(len(windows))]
