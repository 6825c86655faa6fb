"""The contract of encoder modules; each line is a function that raises ContractError if it is violated."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from bertferry.core.tasks import ENCODER_INPUTS, HEADS, inputs_of
from bertferry.export.contract import Line
from bertferry.export.module_subject import LENGTH, ModuleSubject
from bertferry.export.shared_contract_lines import (
    check_local_paths,
    check_refusal,
    check_variables,
    check_vocabulary,
    check_wide,
    require,
    sample,
)
from bertferry.export.signature_contract_lines import check_old_signatures, check_saving_again, check_signature


def check_dict_call(subject: ModuleSubject, dtype: tf.DType, training: bool) -> None:
    outputs = subject.call(dict, dtype, training=training)
    require(isinstance(outputs, Mapping), f"returns {type(outputs).__name__}")
    extra = ("default", "encoder_outputs") if subject.task.encoder else ("default",)
    missing = [name for name in (*subject.outputs, *extra) if name not in outputs]
    require(not missing, f"missing {', '.join(missing)}")
    for name in subject.outputs:
        require(outputs[name].dtype == tf.float32, f"{name} is {outputs[name].dtype.name}")
    if "sequence_output" in outputs:
        shape = tuple(outputs["sequence_output"].shape[:2])
        require(shape == (2, LENGTH), f"sequence_output has shape {list(shape)}, inputs have {[2, LENGTH]}")


def check_sequence_call(
    subject: ModuleSubject, structure: Callable[[Any], Any], dtype: tf.DType, training: bool
) -> None:
    outputs = subject.call(structure, dtype, training=training)
    require(isinstance(outputs, list | tuple), f"returns {type(outputs).__name__}")
    named = subject.call(dict, dtype)
    expected = subject.task.listed
    require(len(outputs) == len(expected), f"{len(outputs)} outputs instead of {len(expected)}")
    for name, tensor in zip(expected, outputs, strict=True):
        require(tensor.shape == named[name].shape, f"output {name} is at the wrong position")


def first_output(subject: ModuleSubject, **options: Any) -> np.ndarray:
    outputs = subject.call(**options)
    name = "sequence_output" if "sequence_output" in subject.outputs else subject.outputs[0]
    return np.asarray(outputs[name] if isinstance(outputs, Mapping) else outputs[-1])


def check_dropout(subject: ModuleSubject) -> None:
    first, second, default = (first_output(subject, training=training) for training in (False, False, None))
    require(np.allclose(first, second, atol=subject.tolerance), "two calls in inference differ")
    require(np.allclose(first, default, atol=subject.tolerance), "inference is not the default")
    if subject.layer.trainable and subject.drops:
        first, second = (first_output(subject, training=True) for _ in range(2))
        same = np.allclose(first, second, atol=subject.tolerance)
        require(not same, "two calls in training agree: dropout is off")


def check_training_is_refused(subject: ModuleSubject) -> None:
    inputs = {name: tf.constant(array) for name, array in subject.inputs.items()}
    check_refusal(lambda: subject.root(inputs, training=True))
    if hasattr(subject.root, "serve_training"):
        check_refusal(lambda: subject.root.serve_training(subject.whole()))


def check_gradients(subject: ModuleSubject) -> None:
    weights = subject.layer.trainable_weights
    require(len(weights) > 0, "no trainable weights")
    check_wide(weights)
    with tf.GradientTape(persistent=True) as tape:
        outputs = subject.call(dict, training=False)
        used = [tf.cast(outputs[name], tf.float32) for name in subject.outputs]
        loss = tf.add_n([tf.reduce_sum(tensor**3 + tensor**2) for tensor in used])
    first = tape.gradient(loss, weights)
    second = tape.gradient(loss, weights)
    without = [weight.name for weight, gradient in zip(weights, first, strict=True) if gradient is None]
    require(not without, f"no gradient for {sample(without)}")
    require(all(gradient is not None for gradient in second), "a persistent tape returns none the second time")
    zero = [
        weight.name
        for weight, gradient in zip(weights, first, strict=True)
        if not np.any(tf.convert_to_tensor(gradient)) and "key" not in weight.name  # softmax cancels that bias
    ]
    require(not zero, f"zero gradient for {sample(zero)}")


def check_mask(subject: ModuleSubject) -> None:
    changed = {name: array.copy() for name, array in subject.inputs.items()}
    changed["input_word_ids"][1, -2:] = 7
    kept = subject.inputs["input_mask"] == 1
    want, got = first_output(subject), first_output(subject, inputs=changed)
    if want.shape[:2] == kept.shape:
        want, got = want[kept], got[kept]
    worst = float(np.abs(want - got).max())
    require(worst <= subject.tolerance, f"changing a masked token changes other outputs by {worst:.1e}")
    unmasked = dict(subject.inputs, input_mask=np.ones_like(subject.inputs["input_mask"]))
    moved = np.abs(first_output(subject, inputs=unmasked)[1] - first_output(subject)[1]).max()
    require(moved > 0, "the mask has no effect")


def check_batch_and_length(subject: ModuleSubject) -> None:
    together = first_output(subject)
    alone = first_output(subject, inputs={name: array[:1] for name, array in subject.inputs.items()})
    worst = float(np.abs(together[0] - alone[0]).max())
    require(worst <= subject.tolerance, f"a row on its own differs by {worst:.1e}")
    padded = {name: np.pad(array, ((0, 0), (0, 5))) for name, array in subject.inputs.items()}
    longer = first_output(subject, inputs=padded)
    if longer.shape[1] == LENGTH + 5:
        longer = longer[:, :LENGTH]
    kept = subject.inputs["input_mask"][0] == 1
    worst = float(np.abs(together[0] - longer[0])[kept if together.ndim == 3 else ...].max())
    require(worst <= subject.tolerance, f"padding a row to {LENGTH + 5} changes it by {worst:.1e}")


def check_keras_2(subject: ModuleSubject) -> None:
    import tensorflow_hub as hub
    import tf_keras

    inputs = {name: tf_keras.Input((LENGTH,), dtype=tf.int32, name=name) for name in ENCODER_INPUTS}
    outputs = hub.KerasLayer(str(subject.path), trainable=subject.layer.trainable)(inputs)
    model = tf_keras.Model(inputs, outputs[subject.outputs[0]])
    model.predict(subject.inputs, verbose=0)
    if "sequence_output" in outputs:
        static = outputs["sequence_output"].shape[1]
        require(static == LENGTH, f"the static length {LENGTH} becomes {static} in sequence_output")


def check_keras_3(subject: ModuleSubject) -> None:
    import keras

    training = {"call_training_endpoint": "serve_training"} if subject.layer.trainable else {}
    layer = keras.layers.TFSMLayer(str(subject.path), call_endpoint="serve", **training)
    outputs = layer(subject.whole())
    layer({name: tf.cast(tensor, tf.int64) for name, tensor in subject.whole().items()})
    missing = [name for name in subject.task.output_names if name not in outputs]
    require(not missing, f"missing {', '.join(missing)}")
    name = subject.task.output_names[0]
    if training and subject.drops:
        first, second = (np.asarray(layer(subject.whole(), training=True)[name]) for _ in range(2))
        require(not np.array_equal(first, second), "two calls in training agree: dropout is off")


def check_xla(subject: ModuleSubject) -> None:
    for training in (False, True)[: 1 + subject.layer.trainable]:
        compiled = tf.function(partial(subject.layer, training=training), autograph=False, jit_compile=True)
        compiled({name: tf.constant(array) for name, array in subject.inputs.items()})


def check_assets(subject: ModuleSubject) -> None:
    path = check_vocabulary(subject)
    tokens = len(path.read_text(encoding="utf-8").splitlines())
    rows = {int(variable.shape[0]) for variable in subject.root.variables if len(variable.shape) == 2}
    require(tokens in rows, f"{path.name} has {tokens} tokens, but no table has that many rows")


def check_heads(subject: ModuleSubject) -> None:
    import tensorflow_hub as hub

    for head in subject.task.heads if subject.task.encoder else ():
        require(hasattr(subject.root, head), f"missing .{head}")
        inputs = {name: subject.whole()[name] for name in inputs_of((head,))}
        outputs = hub.KerasLayer(getattr(subject.root, head), trainable=subject.layer.trainable)(inputs)
        missing = [output.name for output in HEADS[head].outputs if output.name not in outputs]
        require(not missing, f".{head} does not return {', '.join(missing)}")


def _call_checks(modes: Sequence[bool]) -> list[Line]:
    lines: list[Line] = []
    for dtype in (tf.int32, tf.int64):
        for training in modes:
            mode = f"{dtype.name}, {'training' if training else 'inference'}"
            lines.append((f"accepts a dict ({mode})", partial(check_dict_call, dtype=dtype, training=training)))
            for structure in (list, tuple):
                check = partial(check_sequence_call, structure=structure, dtype=dtype, training=training)
                lines.append((f"accepts a {structure.__name__} ({mode})", check))
    return lines


def lines_of(subject: ModuleSubject) -> tuple[Line, ...]:
    """The contract of modules that can be trained or, with weights in half precision, of those that cannot."""
    return LINES if subject.layer.trainable else INFERENCE_LINES


HAS_VARIABLES: Line = ("has variables, trainable_variables, regularization_losses", check_variables)
SHARED: tuple[Line, ...] = (
    ("masked tokens do not affect other outputs", check_mask),
    ("batch size and sequence length are dynamic", check_batch_and_length),
    ("serving_default has the documented input and output names", check_signature),
    ("its names are kept when the module is saved again", check_saving_again),
    ("signatures of modules in TF1 format, if it has them, return the same", check_old_signatures),
    ("works in Keras 2 models, with a static length", check_keras_2),
    ("works in Keras 3, in int64 and in training too", check_keras_3),
    ("compiles with XLA", check_xla),
    ("heads are sub-objects", check_heads),
    ("contains its vocabulary and casing", check_assets),
    ("contains no local file paths", check_local_paths),
)
LINES: tuple[Line, ...] = (
    HAS_VARIABLES,
    *_call_checks((False, True)),
    ("dropout is on in training and off by default", check_dropout),
    ("every trainable weight has a gradient, twice from a persistent tape", check_gradients),
    *SHARED,
)
INFERENCE_LINES: tuple[Line, ...] = (
    HAS_VARIABLES,
    *_call_checks((False,)),
    ("inference is the default", check_dropout),
    ("training is refused, as weights in half precision cannot be trained", check_training_is_refused),
    *((line.replace(" and in training too", ""), check) for line, check in SHARED),
)
