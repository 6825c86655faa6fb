"""Runs a checkpoint through this project's Keras networks."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from bertferry.convert import Checkpoint
from bertferry.convert.loading import load_network
from bertferry.modeling.networks import BertPretrainer, TransformerEncoder
from bertferry.verify.runners.device import device_name
from bertferry.verify.signature import ENCODER_INPUTS, POSITIONS_INPUT, TASK_OUTPUTS, task_inputs


class CheckpointRunner:
    """The network of a task with the checkpoint's values, dropout off."""

    shares_mask = True

    def __init__(self, checkpoint: Checkpoint, task: str, device: str) -> None:
        self.name = str(checkpoint.location.path)
        self._task = task
        self._device = device_name(device)
        with tf.device(self._device):
            self._model = load_network(checkpoint, task)  # type: ignore[arg-type]
        self._names = task_inputs(task)
        specs = {name: tf.TensorSpec([None, None], tf.int32, name) for name in self._names}
        self._compute = tf.function(self._outputs, input_signature=[specs])  # traced once for every shape

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The task's outputs by name."""
        with tf.device(self._device):
            tensors = {name: tf.constant(inputs[name], tf.int32) for name in self._names}
            outputs = self._compute(tensors)
        return {name: tensor.numpy() for name, tensor in zip(TASK_OUTPUTS[self._task], outputs, strict=True)}

    def _outputs(self, inputs: Mapping[str, tf.Tensor]) -> list[tf.Tensor]:
        tensors = [inputs[name] for name in ENCODER_INPUTS]
        if self._task == "mlm":
            return list(self._model([*tensors, inputs[POSITIONS_INPUT]], training=False))
        if not isinstance(self._model, BertPretrainer):
            return list(tf.nest.flatten(self._model(tensors, training=False)))
        encoder = next(layer for layer in self._model.layers if isinstance(layer, TransformerEncoder))
        sequence, pooled = encoder(tensors, training=False)
        words = self._model.masked_lm([sequence, inputs[POSITIONS_INPUT]], training=False)
        return [sequence, pooled, words, self._model.classification(pooled, training=False)]
