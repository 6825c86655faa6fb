"""Builds the reusable SavedModel that `hub.KerasLayer` loads from plain variables and plain functions.

Interface: https://www.tensorflow.org/hub/reusable_saved_models and
https://www.tensorflow.org/hub/common_saved_model_apis/text (transformer encoders).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any, TypeAlias

import tensorflow as tf

from bertferry.core.config import EncoderConfig
from bertferry.core.tasks import ENCODER_INPUTS, POSITIONS_INPUT, TASKS, TaskSpec, inputs_of, task_spec
from bertferry.export.forward import encode
from bertferry.export.tasks import head_outputs
from bertferry.modeling.tf_compat import set_default_signature

Function: TypeAlias = Any
"""A tf.function, whose type TensorFlow does not publish."""
INTEGERS = (tf.int32, tf.int64)
NOT_TRAINED = (
    "a module in half precision is for inference: updates would be lost in the rounding of its weights; fine-tune "
    "one of --precision fp32, and export the result in half precision; or call this one with trainable=False"
)
"""What a call in training answers if the weights have 16 bits."""


def build_hub_module(
    config: EncoderConfig,
    parameters: Mapping[str, tf.Variable],
    task: str = "encoder",
    vocabulary: Path | None = None,
    do_lower_case: bool | None = None,
) -> tuple[tf.train.Checkpoint, dict[str, Function]]:
    """Builds the trackable object to save as a Hub module of a task, and its serving signatures.

    The root maps a dict of `ENCODER_INPUTS` to a dict, and a list or tuple of the three to a list, in int32 and
    int64, with `training` on and off and with dynamic batch size and sequence length; modules in half precision
    refuse training. It is the encoder, or the classifier or span labeler itself; masked-LM and next-sentence heads
    are the sub-objects `.mlm` and `.nsp`. `serve`, `serve_training` and `serving_default` compute the whole task
    from one dict, as Keras 3 calls it.

    Args:
      config: the encoder's configuration.
      parameters: the variables of encoder and heads by canonical name, of any floating-point type. The trainable
        ones become the module's trainable variables. Outputs are float32.
      task: one of `TASKS`.
      vocabulary, do_lower_case: the two assets of text encoders; pass both or neither.
    """
    network = Network(config, parameters)
    spec = network.task(task)
    module = tf.train.Checkpoint()
    if spec.encoder:
        _make_callable(module, network, (), spec.listed)
        for head in spec.heads:
            setattr(module, head, _make_callable(tf.train.Checkpoint(), network, (head,), ()))
    else:
        _make_callable(module, network, spec.heads, spec.listed, encoder=False)
    serving = _serving_signature(network, task)
    module.serve = module.serving_default = _dict_function(network, task, training=False)
    module.serve_training = _dict_function(network, task, training=True)
    set_default_signature(module, serving)
    if vocabulary is not None:
        module.vocab_file = tf.saved_model.Asset(str(vocabulary))
        module.do_lower_case = tf.Variable(do_lower_case, trainable=False, name="do_lower_case")
    return module, {"serving_default": serving}


@dataclass(frozen=True)
class Network:
    """The encoder, traced once for training and once for inference, and the heads on top of it."""

    config: EncoderConfig
    parameters: Mapping[str, tf.Variable]

    def task(self, name: str) -> TaskSpec:
        """A task of this encoder, which may have no pooler."""
        return task_spec(name, pooler="pooler/kernel" in self.parameters)

    @cached_property
    def bodies(self) -> dict[bool, Function]:
        """The traced encoder by `training`; every way to call the module wraps one of the two."""
        return {training: self._body(training) for training in (False, True)}

    def _body(self, training: bool) -> Function:
        refuses = training and any(variable.dtype != tf.float32 for variable in self.parameters.values())

        @tf.function(input_signature=_specs(ENCODER_INPUTS), autograph=False)
        def encoder(input_word_ids, input_mask, input_type_ids):  # type: ignore[no-untyped-def]
            encoded = encode(
                self.parameters, self.config, input_word_ids, input_mask, input_type_ids, training=training
            )
            outputs = encoded.sequence, encoded.pooled, encoded.layers
            return _refused(outputs) if refuses else outputs

        return encoder.get_concrete_function()

    def run(
        self, inputs: Mapping[str, tf.Tensor], heads: tuple[str, ...], *, training: bool, encoder: bool
    ) -> dict[str, Any]:
        """The outputs of the heads and, with `encoder`, those of the encoder, all in float32."""
        integers = {name: tf.cast(tensor, tf.int32) for name, tensor in inputs.items()}
        sequence, pooled, layers = self.bodies[training](*(integers[name] for name in ENCODER_INPUTS))
        positions = integers.get(POSITIONS_INPUT)
        outputs: dict[str, Any] = {}
        if encoder:
            outputs = {"sequence_output": sequence, "encoder_outputs": layers}
            if pooled is not None:
                outputs["pooled_output"] = pooled
        outputs |= head_outputs(
            self.parameters, self.config, heads, sequence, pooled, positions, training=training
        )
        return tf.nest.map_structure(lambda tensor: tf.cast(tensor, tf.float32), outputs)


def _refused(outputs: Any) -> Any:  # noqa: ANN401 - tensors in any structure
    """The outputs of a function that fails where it is called.

    XLA drops assertions: what it compiles returns NaN.
    """
    with tf.control_dependencies([tf.raw_ops.Assert(condition=False, data=[NOT_TRAINED])]):
        return tf.nest.map_structure(
            lambda tensor: None if tensor is None else tensor * tf.constant(float("nan"), tensor.dtype), outputs
        )


def _specs(names: tuple[str, ...], dtype: tf.DType = tf.int32) -> list[tf.TensorSpec]:
    return [tf.TensorSpec([None, None], dtype, name) for name in names]


def _dict_specs(names: tuple[str, ...], dtype: tf.DType) -> dict[str, tf.TensorSpec]:
    return dict(zip(names, _specs(names, dtype), strict=True))


def _make_callable(
    module: tf.train.Checkpoint,
    network: Network,
    heads: tuple[str, ...],
    listed: tuple[str, ...],
    *,
    encoder: bool = True,
) -> tf.train.Checkpoint:
    """Gives the object what `hub.KerasLayer` needs: a call, the variables it uses, no regularizers.

    A list of inputs returns the outputs `listed` as a list; the first of them is also the `default` output of a
    dict call. If `listed` is empty, only dict calls are supported. `encoder` adds the encoder's outputs.
    """
    names = inputs_of(heads)
    used = [
        variable
        for name, variable in network.parameters.items()
        if name.startswith(("embeddings/", "encoder/", "pooler/", *(f"{head}/" for head in heads)))
    ]
    module.variables = used
    module.trainable_variables = [variable for variable in used if variable.trainable]
    module.regularization_losses = []

    @tf.function(autograph=False)
    def call(inputs, training=False):  # type: ignore[no-untyped-def]
        by_name = isinstance(inputs, Mapping)
        named_inputs = inputs if by_name else dict(zip(names, inputs, strict=True))
        outputs = network.run(named_inputs, heads, training=training, encoder=encoder)
        if by_name:
            return {**outputs, "default": outputs[listed[0]]} if listed else outputs
        return [outputs[name] for name in listed]

    structures = (dict, list, tuple) if listed else (dict,)
    for structure, dtype, training in product(structures, INTEGERS, (False, True)):
        specs = _dict_specs(names, dtype) if structure is dict else structure(_specs(names, dtype))
        call.get_concrete_function(specs, training=training)
    module.__call__ = call
    return module


def _task_outputs(
    network: Network, task: str, inputs: Mapping[str, tf.Tensor], training: bool
) -> dict[str, tf.Tensor]:
    """All outputs of a task by name."""
    spec = network.task(task)
    outputs = network.run(inputs, spec.heads, training=training, encoder=spec.encoder)
    outputs.pop("encoder_outputs", None)
    return outputs


def _dict_function(network: Network, task: str, *, training: bool) -> Function:
    """A function that computes the whole task from one dict of int32 tensors.

    Keras 3 models cast their inputs to int32, and every further form would have to be loaded by all callers.
    """

    @tf.function(input_signature=[_dict_specs(TASKS[task].input_names, tf.int32)], autograph=False)
    def serve(inputs):  # type: ignore[no-untyped-def]
        return _task_outputs(network, task, inputs, training)

    return serve


def _serving_signature(network: Network, task: str) -> Function:
    """The same with one argument per input, as servers call it."""
    names = TASKS[task].input_names

    @tf.function(input_signature=_specs(names), autograph=False)
    def serving_default(*tensors):  # type: ignore[no-untyped-def]
        return _task_outputs(network, task, dict(zip(names, tensors, strict=True)), training=False)

    return serving_default
