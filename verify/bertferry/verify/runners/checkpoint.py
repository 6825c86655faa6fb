"""Runs a checkpoint through this project's Keras networks."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from bertferry.convert import Checkpoint
from bertferry.convert.loading import load_network
from bertferry.modeling.networks import BertPretrainer, TransformerEncoder
from bertferry.verify.execution import FLOATS, Execution
from bertferry.verify.runner import Arrays
from bertferry.verify.runners.device import Compute, Device
from bertferry.verify.signature import ENCODER_INPUTS, POSITIONS_INPUT, TASK_OUTPUTS, task_inputs


class CheckpointRunner:
    """The network of a task with the checkpoint's values, dropout off; outputs are float32 in any precision."""

    shares_mask = True

    def __init__(self, checkpoint: Checkpoint, task: str, execution: Execution) -> None:
        self.name = str(checkpoint.location.path)
        self._task = task
        device = Device(execution)
        with device.scope():
            self.model = load_network(checkpoint, task, FLOATS[execution.precision or "fp32"])  # type: ignore[arg-type]
        self.encoder = (
            self.model
            if isinstance(self.model, TransformerEncoder)
            else next(layer for layer in self.model.layers if isinstance(layer, TransformerEncoder))
        )
        for point, layer in _points(self.encoder):
            _name_output(layer, point)
        narrow = execution.precision in ("fp16", "bf16") and device.kind == "cpu"
        self._compute = Compute(self.outputs, task_inputs(task), device, widen=narrow)

    def run(self, inputs: Arrays) -> dict[str, np.ndarray]:
        """The task's outputs by name."""
        return self._compute(inputs)

    def points(self, inputs: Arrays, given: Arrays | None = None) -> dict[str, np.ndarray]:
        """The values inside the encoder."""
        return self._compute.points(inputs, given)

    def outputs(self, inputs: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """The task's outputs as tensors."""
        return dict(zip(TASK_OUTPUTS[self._task], map(_float32, self._listed(inputs)), strict=True))

    def _listed(self, inputs: Mapping[str, tf.Tensor]) -> list[tf.Tensor]:
        tensors = [inputs[name] for name in ENCODER_INPUTS]
        if self._task == "mlm":
            return list(self.model([*tensors, inputs[POSITIONS_INPUT]], training=False))
        if not isinstance(self.model, BertPretrainer):
            return list(tf.nest.flatten(self.model(tensors, training=False)))
        sequence, pooled = self.encoder(tensors, training=False)
        words = self.model.masked_lm([sequence, inputs[POSITIONS_INPUT]], training=False)
        return [sequence, pooled, words, self.model.classification(pooled, training=False)]


def _points(encoder: TransformerEncoder) -> Iterator[tuple[str, tf_keras.layers.Layer]]:
    """The layer whose output is each named point."""
    yield "embeddings", next(layer for layer in encoder.layers if isinstance(layer, tf_keras.layers.Dropout))
    for number in range(encoder.get_config()["num_layers"]):
        parts = encoder.get_layer(f"transformer/layer_{number}").parts()
        yield f"layer_{number}/attention", parts["attention/output"]
        yield f"layer_{number}/attention_norm", parts["attention/norm"]
        yield f"layer_{number}/output", parts["output/norm"]
    yield "pooler", encoder.get_layer("pooler_transform")


def _name_output(layer: tf_keras.layers.Layer, point: str) -> None:
    """Gives a layer's output the point's name in every graph that is traced from now on."""
    call = layer.call

    def named(*inputs: Any, **options: Any) -> tf.Tensor:
        with tf.name_scope("points/"):
            return tf.identity(call(*inputs, **options), name=point)

    layer.call = named


def _float32(tensor: tf.Tensor) -> tf.Tensor:
    return tf.cast(tensor, tf.float32)
