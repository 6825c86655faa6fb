"""The functions with which servers, Keras 3 and callers of old modules call a module, with inputs by name."""

from collections.abc import Mapping

import tensorflow as tf

from bertferry.core.tasks import ENCODER_INPUTS, POSITIONS_INPUT, inputs_of
from bertferry.export.network import Function, Network, dict_specs, tensor_specs

INTEGERS = (tf.int32, tf.int64)
"""The types of inputs; a signature has one, int32."""
OLD_INPUTS = dict(
    zip(
        (*ENCODER_INPUTS, POSITIONS_INPUT),
        ("input_ids", "input_mask", "segment_ids", "mlm_positions"),
        strict=True,
    )
)
"""Names of the inputs in modules of TensorFlow 1, https://github.com/google-research/bert, by those of today."""
OLD_OUTPUTS = ("pooled_output", "sequence_output", "mlm_logits")


def dict_function(network: Network, task: str, *, training: bool) -> Function:
    """A function that computes the whole task from one dict."""
    names = network.task(task).input_names

    @tf.function(autograph=False)
    def serve(inputs):  # type: ignore[no-untyped-def]
        return _task_outputs(network, task, inputs, training)

    for dtype in INTEGERS:
        serve.get_concrete_function(dict_specs(names, dtype))
    return serve


def serving_signature(network: Network, task: str, serve: Function) -> Function:
    """The trace of `serve` in int32: as a signature it has one argument per input, as servers call it."""
    return serve.get_concrete_function(dict_specs(network.task(task).input_names, tf.int32))


def old_signatures(network: Network, task: str) -> dict[str, Function]:
    """`tokens` and `mlm` of the modules of TensorFlow 1 on tfhub.dev, as far as the task has their outputs.

    As there, `mlm_logits` are [batch · predictions, vocab].
    """
    spec = network.task(task)
    if not spec.encoder:
        return {}
    signatures = {"tokens": _old_signature(network, ())}
    if "mlm" in spec.heads:
        signatures["mlm"] = _old_signature(network, ("mlm",))
    return signatures


def _old_signature(network: Network, heads: tuple[str, ...]) -> Function:
    """The outputs of the encoder, and of a head, with the inputs of those modules."""
    own = inputs_of(heads)

    @tf.function(input_signature=tensor_specs(OLD_INPUTS[name] for name in own), autograph=False)
    def signature(*tensors):  # type: ignore[no-untyped-def]
        outputs = network.run(dict(zip(own, tensors, strict=True)), heads, training=False, encoder=True)
        if heads:
            vocab = network.parameters["mlm/bias"].shape[0]
            outputs["mlm_logits"] = tf.reshape(outputs["mlm_logits"], [-1, vocab])
        return {name: outputs[name] for name in OLD_OUTPUTS if name in outputs}

    return signature


def tokenization_signature(module: tf.train.Checkpoint) -> dict[str, Function]:
    """`tokenization_info` of those modules, if the module has its assets."""
    if not hasattr(module, "vocab_file"):
        return {}

    @tf.function(input_signature=[], autograph=False)
    def tokenization_info():  # type: ignore[no-untyped-def]
        return {"vocab_file": module.vocab_file.asset_path, "do_lower_case": module.do_lower_case}

    return {"tokenization_info": tokenization_info}


def _task_outputs(
    network: Network, task: str, inputs: Mapping[str, tf.Tensor], training: bool
) -> dict[str, tf.Tensor]:
    """All outputs of a task by name."""
    spec = network.task(task)
    outputs = network.run(inputs, spec.heads, training=training, encoder=spec.encoder)
    outputs.pop("encoder_outputs", None)
    return outputs
