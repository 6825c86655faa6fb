"""The reusable SavedModel that `hub.KerasLayer` loads: plain variables and plain functions.

Interface: https://www.tensorflow.org/hub/reusable_saved_models and
https://www.tensorflow.org/hub/common_saved_model_apis/text (transformer encoders).
"""

from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any, TypeAlias

import tensorflow as tf

from bertferry.export.forward import encode
from bertferry.modeling.config import EncoderConfig

Function: TypeAlias = Any
"""A tf.function, whose type TensorFlow does not publish."""
INPUTS = ("input_word_ids", "input_mask", "input_type_ids")


def build_hub_module(
    config: EncoderConfig,
    parameters: Mapping[str, tf.Variable],
    vocabulary: Path | None = None,
    do_lower_case: bool | None = None,
) -> tuple[tf.train.Checkpoint, dict[str, Function]]:
    """The trackable object to save as a Hub module of the encoder, and its serving signatures.

    It answers a dict of `INPUTS` with a dict, a list or tuple of the three with `[pooled, sequence]`, in int32
    and int64, `training` on and off, batch and sequence length dynamic.

    Args:
      config: the encoder's configuration.
      parameters: its variables by canonical name; those that are trainable become the module's.
      vocabulary, do_lower_case: the two assets of text encoders, both or neither.
    """
    module = tf.train.Checkpoint()
    module.variables = list(parameters.values())
    module.trainable_variables = [variable for variable in module.variables if variable.trainable]
    module.regularization_losses = []
    bodies = {training: _body(config, parameters, training) for training in (False, True)}
    module.__call__ = _call(bodies)
    if vocabulary is not None:
        module.vocab_file = tf.saved_model.Asset(str(vocabulary))
        module.do_lower_case = tf.Variable(do_lower_case, trainable=False, name="do_lower_case")
    return module, {"serving_default": _serving(bodies[False])}


def _spec(dtype: tf.DType, name: str) -> tf.TensorSpec:
    return tf.TensorSpec([None, None], dtype, name)


def _body(config: EncoderConfig, parameters: Mapping[str, tf.Variable], training: bool) -> Function:
    """The whole network, traced once; every way to call the module is a thin function around it."""

    @tf.function(input_signature=[_spec(tf.int32, name) for name in INPUTS])
    def encoder(input_word_ids, input_mask, input_type_ids):  # type: ignore[no-untyped-def]
        encoded = encode(parameters, config, input_word_ids, input_mask, input_type_ids, training=training)
        return {
            "pooled_output": encoded.pooled,
            "sequence_output": encoded.sequence,
            "encoder_outputs": encoded.layers,
        }

    return encoder


def _call(bodies: Mapping[bool, Function]) -> Function:
    @tf.function
    def call(inputs, training=False):  # type: ignore[no-untyped-def]
        by_name = isinstance(inputs, Mapping)
        ids, mask, types = (inputs[name] for name in INPUTS) if by_name else inputs
        outputs = bodies[training](*(tf.cast(tensor, tf.int32) for tensor in (ids, mask, types)))
        if by_name:
            return {**outputs, "default": outputs["pooled_output"]}
        return [outputs["pooled_output"], outputs["sequence_output"]]

    for structure, dtype, training in product((dict, list, tuple), (tf.int32, tf.int64), (False, True)):
        specs = [_spec(dtype, name) for name in INPUTS]
        inputs = dict(zip(INPUTS, specs, strict=True)) if structure is dict else structure(specs)
        call.get_concrete_function(inputs, training=training)
    return call


def _serving(body: Function) -> Function:
    @tf.function(input_signature=[_spec(tf.int32, name) for name in INPUTS])
    def serving_default(input_word_ids, input_mask, input_type_ids):  # type: ignore[no-untyped-def]
        outputs = body(input_word_ids, input_mask, input_type_ids)
        return {name: outputs[name] for name in ("pooled_output", "sequence_output")}

    return serving_default
