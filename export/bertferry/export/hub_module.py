"""Builds the reusable SavedModel that `hub.KerasLayer` loads from plain variables and plain functions.

Interface: https://www.tensorflow.org/hub/reusable_saved_models and
https://www.tensorflow.org/hub/common_saved_model_apis/text (transformer encoders).
"""

from collections.abc import Mapping
from itertools import product
from pathlib import Path

import tensorflow as tf

from bertferry.core.config import EncoderConfig
from bertferry.core.tasks import inputs_of
from bertferry.export.network import Function, Network, dict_specs, tensor_specs
from bertferry.export.signatures import (
    INTEGERS,
    dict_function,
    old_signatures,
    serving_signature,
    tokenization_signature,
)
from bertferry.modeling.tf_compat import set_default_signature


def build_hub_module(
    config: EncoderConfig,
    parameters: Mapping[str, tf.Variable],
    task: str = "encoder",
    vocabulary: Path | None = None,
    do_lower_case: bool | None = None,
    inner: tuple[str, ...] = (),
) -> tuple[tf.train.Checkpoint, dict[str, Function]]:
    """Builds the trackable object to save as a Hub module of a task, and its serving signatures.

    The root maps a dict of `ENCODER_INPUTS` to a dict, and a list or tuple of the three to a list, in int32 and
    int64, with `training` on and off and with dynamic batch size and sequence length; modules in half precision
    refuse training. It is the encoder, or the classifier or span labeler itself; masked-LM and next-sentence heads
    are the sub-objects `.mlm` and `.nsp`. `serve`, `serve_training` and `serving_default` compute the whole task
    from one dict, in int32 and int64, as Keras 3 calls it. The signatures are `serving_default`, and those that
    modules of TensorFlow 1 have.

    Args:
      config: the encoder's configuration.
      parameters: the variables of encoder and heads by canonical name, of any floating-point type. The trainable
        ones become the module's trainable variables. Outputs are float32.
      task: one of `TASKS`.
      vocabulary, do_lower_case: the two assets of text encoders; pass both or neither.
      inner: kinds of `bertferry.core.inner_outputs` to return from every call with a dict.
    """
    network = Network(config, parameters, inner)
    spec = network.task(task)
    module = tf.train.Checkpoint()
    if spec.encoder:
        _make_callable(module, network, (), spec.listed)
        for head in spec.heads:
            setattr(module, head, _make_callable(tf.train.Checkpoint(), network, (head,), ()))
    else:
        _make_callable(module, network, spec.heads, spec.listed, encoder=False)
    module.serve = module.serving_default = serve = dict_function(network, task, training=False)
    serving = serving_signature(network, task, serve)
    module.serve_training = dict_function(network, task, training=True)
    set_default_signature(module, serving)
    if vocabulary is not None:
        module.vocab_file = tf.saved_model.Asset(str(vocabulary))
        module.do_lower_case = tf.Variable(do_lower_case, trainable=False, name="do_lower_case")
    old = old_signatures(network, task) | tokenization_signature(module)
    return module, {"serving_default": serving, **old}


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
        specs = dict_specs(names, dtype) if structure is dict else structure(tensor_specs(names, dtype))
        call.get_concrete_function(specs, training=training)
    module.__call__ = call
    return module
