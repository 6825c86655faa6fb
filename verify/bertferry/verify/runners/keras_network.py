"""Runs a checkpoint through this project's Keras networks."""

from collections.abc import Iterator, Mapping
from itertools import cycle
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from bertferry.convert import Checkpoint
from bertferry.convert.loading import load_network
from bertferry.core.tasks import ENCODER_INPUTS, HEADS, POSITIONS_INPUT
from bertferry.modeling.networks import TransformerEncoder
from bertferry.modeling.variables import heads_of
from bertferry.verify.execution import FLOATS, Execution
from bertferry.verify.runner import Arrays
from bertferry.verify.runners.device import Device
from bertferry.verify.runners.device_function import DeviceFunction


class KerasNetworkRunner:
    """A task's network with the checkpoint's values and dropout off; outputs are float32 in any precision."""

    shares_mask = True

    def __init__(self, checkpoint: Checkpoint, task: str, execution: Execution) -> None:
        self.name = str(checkpoint.location.path)
        self._task = checkpoint.task(task)
        device = Device(execution)
        with device.scope():
            self.model = load_network(checkpoint, task, FLOATS[execution.precision or "fp32"])
        self.encoder = (
            self.model
            if isinstance(self.model, TransformerEncoder)
            else next(layer for layer in self.model.layers if isinstance(layer, TransformerEncoder))
        )
        self._inside: dict[str, tf.Tensor] = {}
        for layer, points in (*_points(self.encoder), *_points_of_blocks(self.encoder)):
            _name_outputs(layer, points, self._inside)
        narrow = execution.precision in ("fp16", "bf16") and device.kind == "cpu"
        self._function = DeviceFunction(self.outputs, self._task.input_names, device, widen=narrow)

    def run(self, inputs: Arrays) -> dict[str, np.ndarray]:
        """The task's outputs by name."""
        return self._function(inputs)

    def points(self, inputs: Arrays, given: Arrays | None = None) -> dict[str, np.ndarray]:
        """Intermediate values of the encoder."""
        return self._function.points(inputs, given)

    def outputs(self, inputs: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """The task's outputs as tensors."""
        outputs = self._output_list(inputs)
        outputs += [self._inside[inner.point] for inner in self._task.inner]
        return dict(zip(self._task.output_names, map(_to_float32, outputs), strict=True))

    def _output_list(self, inputs: Mapping[str, tf.Tensor]) -> list[tf.Tensor]:
        tensors = [inputs[name] for name in ENCODER_INPUTS]
        if not self._task.encoder:
            return list(tf.nest.flatten(self.model(tensors, training=False)))
        outputs = tf.nest.flatten(self.encoder(tensors, training=False))
        sequence, pooled = outputs[0], outputs[-1]
        for head in self._task.heads:
            reads = HEADS[head].reads
            head_inputs = [sequence, inputs[POSITIONS_INPUT]] if reads == "predictions" else pooled
            outputs.append(heads_of(self.model)[head](head_inputs, training=False))
        return outputs


def _points(encoder: TransformerEncoder) -> Iterator[tuple[tf_keras.layers.Layer, tuple[str, ...]]]:
    """Yields each layer before and after the blocks whose output is a named point."""
    embedded = next(layer for layer in encoder.layers if isinstance(layer, tf_keras.layers.Dropout))
    projected = encoder.switches["embedding_width"] is not None
    yield encoder.get_layer("embedding_projection") if projected else embedded, ("embeddings",)
    if encoder.switches["pooler"]:
        yield encoder.get_layer("pooler_transform"), ("pooler",)


def _points_of_blocks(encoder: TransformerEncoder) -> Iterator[tuple[tf_keras.layers.Layer, tuple[str, ...]]]:
    """Yields each layer of a block whose output is a named point, or one in every layer that shares the block."""
    blocks = encoder.blocks
    for block in dict.fromkeys(blocks):
        parts = block.parts()
        for point, layer in (
            ("attention", parts["attention/output"]),
            ("attention_norm", parts["attention/norm"]),
            ("output", parts["output/norm"]),
            ("probabilities", block.softmax),
        ):
            yield layer, tuple(f"layer_{number}/{point}" for number, own in enumerate(blocks) if own is block)


def _name_outputs(layer: tf_keras.layers.Layer, points: tuple[str, ...], kept: dict[str, tf.Tensor]) -> None:
    """Names a layer's outputs after the points, in the order of its calls, and keeps them, in every graph that is
    traced from now on."""
    call, names = layer.call, cycle(points)

    def call_and_name(*inputs: Any, **options: Any) -> tf.Tensor:
        point = next(names)
        with tf.name_scope("points/"):
            kept[point] = tf.identity(call(*inputs, **options), name=point)
            return kept[point]

    layer.call = call_and_name


def _to_float32(tensor: tf.Tensor) -> tf.Tensor:
    return tf.cast(tensor, tf.float32)
