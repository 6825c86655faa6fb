"""The network of a module: one trace of the encoder for training and one for inference, heads on top."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

import tensorflow as tf

from bertferry.core.config import EncoderConfig
from bertferry.core.inner_outputs import inner_outputs
from bertferry.core.tasks import ENCODER_INPUTS, POSITIONS_INPUT, TaskSpec, task_spec
from bertferry.export.forward import encode
from bertferry.export.tasks import head_outputs

Function: TypeAlias = Any
"""A tf.function, whose type TensorFlow does not publish."""
NOT_TRAINED = (
    "a module in half precision is for inference: updates would be lost in the rounding of its weights; fine-tune "
    "one of --precision fp32, and export the result in half precision; or call this one with trainable=False"
)
"""What a call in training answers if the weights have 16 bits."""


@dataclass(frozen=True)
class Network:
    """The encoder, traced once for training and once for inference, and the heads on top of it.

    `inner` are the kinds of `bertferry.core.inner_outputs` that are returned, too.
    """

    config: EncoderConfig
    parameters: Mapping[str, tf.Variable]
    inner: tuple[str, ...] = ()

    def task(self, name: str) -> TaskSpec:
        """A task of this encoder, which may have no pooler, with the outputs on request."""
        spec = task_spec(name, pooler="pooler/kernel" in self.parameters)
        return replace(spec, inner=inner_outputs(self.inner, self.config.num_layers))

    @cached_property
    def bodies(self) -> dict[bool, Function]:
        """The traced encoder by `training`; every way to call the module wraps one of the two."""
        return {training: self._body(training) for training in (False, True)}

    def _body(self, training: bool) -> Function:
        refuses = training and any(variable.dtype != tf.float32 for variable in self.parameters.values())

        @tf.function(input_signature=tensor_specs(ENCODER_INPUTS), autograph=False)
        def encoder(input_word_ids, input_mask, input_type_ids):  # type: ignore[no-untyped-def]
            ids = input_word_ids, input_mask, input_type_ids
            encoded = encode(self.parameters, self.config, *ids, training=training, shared=True)
            inner = {spec.name: encoded.named[spec.point] for spec in self.task("encoder").inner}
            outputs = encoded.sequence, encoded.pooled, encoded.layers, inner
            return _refused(outputs) if refuses else outputs

        return encoder.get_concrete_function()

    def run(
        self, inputs: Mapping[str, tf.Tensor], heads: tuple[str, ...], *, training: bool, encoder: bool
    ) -> dict[str, Any]:
        """The outputs of the heads, those on request and, with `encoder`, those of the encoder, all in float32."""
        integers = {name: tf.cast(tensor, tf.int32) for name, tensor in inputs.items()}
        sequence, pooled, layers, inner = self.bodies[training](*(integers[name] for name in ENCODER_INPUTS))
        positions = integers.get(POSITIONS_INPUT)
        outputs: dict[str, Any] = {}
        if encoder:
            outputs = {"sequence_output": sequence, "encoder_outputs": layers}
            if pooled is not None:
                outputs["pooled_output"] = pooled
        outputs |= head_outputs(
            self.parameters, self.config, heads, sequence, pooled, positions, training=training
        )
        outputs |= inner
        return tf.nest.map_structure(lambda tensor: tf.cast(tensor, tf.float32), outputs)


def _refused(outputs: Any) -> Any:  # noqa: ANN401 - tensors in any structure
    """The outputs of a function that fails where it is called.

    XLA drops assertions: what it compiles returns NaN.
    """
    with tf.control_dependencies([tf.raw_ops.Assert(condition=False, data=[NOT_TRAINED])]):
        return tf.nest.map_structure(
            lambda tensor: None if tensor is None else tensor * tf.constant(float("nan"), tensor.dtype), outputs
        )


def tensor_specs(names: Iterable[str], dtype: tf.DType = tf.int32) -> list[tf.TensorSpec]:
    """Of integers [B, ?] with these names."""
    return [tf.TensorSpec([None, None], dtype, name) for name in names]


def dict_specs(names: tuple[str, ...], dtype: tf.DType) -> dict[str, tf.TensorSpec]:
    """The same by name."""
    return dict(zip(names, tensor_specs(names, dtype), strict=True))
