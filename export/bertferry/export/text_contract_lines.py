"""The contracts of text modules: text embeddings, and preprocessing for an encoder.

Interface: https://www.tensorflow.org/hub/common_saved_model_apis/text (text embeddings; preprocessors).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from bertferry.core.tasks import ENCODER_INPUTS
from bertferry.core.temporary import TemporaryFolder
from bertferry.export.contract import Line
from bertferry.export.shared_contract_lines import (
    check_local_paths,
    check_refusal,
    check_variables,
    check_vocabulary,
    check_wide,
    is_for_inference,
    require,
    sample,
    tolerance_of,
)
from bertferry.modeling.tf_compat import LoadedModule, list_declared_inputs
from bertferry.verify.runners.saved_model import load_saved_model

TEXTS = ("a man is playing a guitar", "", "word " * 1000)
"""A text of usual length, an empty one, and one longer than any encoder's maximum."""
SHORT = 8
MOST_TYPES = 3
"""More than any encoder of the family has: Funnel's has three."""
SPECIAL = ("padding_id", "vocab_size")
"""Names that every tokenizer has."""


@dataclass(frozen=True)
class TextSubject:
    """A loaded text module and the layer that calls it."""

    path: Path
    root: Any
    layer: Any

    @classmethod
    def of(cls, path: Path, root: LoadedModule) -> "TextSubject":
        """Wraps a loaded module."""
        import tensorflow_hub as hub

        trainable = hasattr(root, "trainable_variables")  # otherwise the layer does not pass `training` on
        trainable &= not is_for_inference(getattr(root, "variables", ()), getattr(root, "trainable_variables", ()))
        return cls(path, root, hub.KerasLayer(root, trainable=trainable))

    def contract(self) -> tuple[str, tuple[Line, ...]]:
        """The kind of the module, and the lines of its contract."""
        outputs = [function.structured_outputs for function in self.root.__call__.concrete_functions]
        if any(isinstance(output, Mapping) for output in outputs):
            return "preprocessing", PREPROCESSING_LINES
        variables, trainable = (getattr(self.root, name, ()) for name in ("variables", "trainable_variables"))
        return "text embedding", _embedding_lines(is_for_inference(variables, trainable))

    @property
    def tolerance(self) -> float:
        """Differences between embeddings that another order of summation may cause."""
        return tolerance_of(getattr(self.root, "variables", ()))

    def call(self, texts: tuple[str, ...] = TEXTS, **options: bool) -> Any:  # noqa: ANN401 - vectors or a dict
        """Calls the root."""
        return self.layer(tf.constant(texts, tf.string), **options)


def takes_texts(root: LoadedModule) -> bool:
    """Whether a module's root takes strings."""
    return any(spec.dtype == tf.string for spec in tf.nest.flatten(list_declared_inputs(root)))


def check_embeddings(subject: TextSubject) -> None:
    vectors = subject.call()
    require(isinstance(vectors, tf.Tensor), f"returns {type(vectors).__name__}")
    require(vectors.dtype == tf.float32, f"embeddings are {vectors.dtype.name}")
    require(vectors.shape.rank == 2 and len(vectors) == len(TEXTS), f"embeddings have shape {vectors.shape}")
    require(bool(np.isfinite(vectors).all()), "embeddings are not finite")


def check_independence(subject: TextSubject) -> None:
    worst = float(np.abs(subject.call()[0] - subject.call(TEXTS[:1])[0]).max())
    require(worst <= subject.tolerance, f"a text on its own differs by {worst:.1e}")


def check_dropout(subject: TextSubject) -> None:
    inference, default = subject.call(training=False), subject.call()
    require(np.allclose(inference, default, atol=subject.tolerance), "inference is not the default")
    if not subject.layer.trainable:
        return
    first, second = (subject.call(training=True) for _ in range(2))
    require(not np.allclose(first, second, atol=subject.tolerance), "two calls in training agree: dropout is off")


def check_gradients(subject: TextSubject) -> None:
    weights = getattr(subject.root, "trainable_variables", ())
    require(len(weights) > 0, "no trainable variables")
    check_wide(weights)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(subject.call(training=True) ** 3)
    without = [
        weight.name
        for weight, gradient in zip(weights, tape.gradient(loss, list(weights)), strict=True)
        if gradient is None
    ]
    require(not without, f"no gradient for {sample(without)}")


def check_encoder_inputs(subject: TextSubject) -> None:
    inputs = subject.call()
    require(isinstance(inputs, Mapping), f"returns {type(inputs).__name__}")
    missing = [name for name in ENCODER_INPUTS if name not in inputs]
    require(not missing, f"missing {', '.join(missing)}")
    shapes = {tuple(inputs[name].shape) for name in ENCODER_INPUTS}
    require(len(shapes) == 1 and len(next(iter(shapes))) == 2, f"inputs have shapes {sorted(shapes)}")
    require(
        len(inputs[ENCODER_INPUTS[0]]) == len(TEXTS),
        f"the number of rows is not the number of texts, {len(TEXTS)}",
    )
    types = {inputs[name].dtype.name for name in ENCODER_INPUTS}
    require(types == {"int32"}, f"inputs are {', '.join(sorted(types))}")


def check_special_tokens(subject: TextSubject) -> None:
    """A frame may lack a token at its beginning or its end, which then has no name."""
    special = subject.root.tokenize.get_special_tokens_dict()
    missing = [name for name in SPECIAL if name not in special]
    require(not missing, f"missing {', '.join(missing)}")
    token = {name: int(value) for name, value in special.items()}
    ids, mask = (np.asarray(subject.call()[name]) for name in ("input_word_ids", "input_mask"))
    rows = [row[kept > 0] for row, kept in zip(ids, mask, strict=True)]
    for name, place, fault in (
        ("start_of_sequence_id", 0, "a row does not begin with"),
        ("end_of_segment_id", -1, "a segment does not end with"),
    ):
        if name in token:
            require(all(len(row) > 0 and row[place] == token[name] for row in rows), f"{fault} {name}")
    require(bool((ids[mask == 0] == token["padding_id"]).all()), "a masked position does not hold padding_id")
    require(int(ids.max()) < token["vocab_size"], "an id is not less than vocab_size")


def check_packing(subject: TextSubject) -> None:
    pieces = subject.root.tokenize(tf.constant(TEXTS))
    require(isinstance(pieces, tf.RaggedTensor), f".tokenize returns {type(pieces).__name__}")
    for segments in (1, 2):
        packed = subject.root.bert_pack_inputs([pieces] * segments, tf.constant(SHORT))
        length = packed["input_word_ids"].shape[1]
        require(length == SHORT, f"{segments} segments packed to length {SHORT} have length {length}")
        types = int(tf.reduce_max(packed["input_type_ids"]))
        require(types < MOST_TYPES, f"{segments} segments have the type {types}")
    inputs, packed = subject.call(), subject.root.bert_pack_inputs([pieces])
    same = all(np.array_equal(inputs[name], packed[name]) for name in ENCODER_INPUTS)
    require(same, "tokenizing and packing does not give the result of the root call")


def check_signature(subject: TextSubject, outputs: int, path: Path | None = None) -> None:
    signatures = (load_saved_model(path) if path else subject.root).signatures
    require("serving_default" in signatures, f"no serving_default, only {', '.join(signatures) or 'none'}")
    specs = signatures["serving_default"].structured_input_signature[1].values()
    types = [spec.dtype.name for spec in specs]
    require(types == ["string"], f"inputs are {', '.join(types)}")
    names = sorted(signatures["serving_default"].structured_outputs)
    expected = sorted(ENCODER_INPUTS) if outputs == len(ENCODER_INPUTS) else names[:1]
    require(names == expected, f"outputs are {sample(names)}")


def check_saving_again(subject: TextSubject, outputs: int) -> None:
    with TemporaryFolder() as folder:
        tf.saved_model.save(subject.root, str(folder))
        check_signature(subject, outputs, folder)


def check_keras_2(subject: TextSubject) -> None:
    import tensorflow_hub as hub
    import tf_keras

    texts = tf_keras.Input((), dtype=tf.string)
    model = tf_keras.Model(texts, hub.KerasLayer(str(subject.path))(texts))
    model(tf.constant(TEXTS))


def check_training_is_refused(subject: TextSubject) -> None:
    check_refusal(lambda: subject.root(tf.constant(TEXTS), training=True))


def _embedding_lines(for_inference: bool) -> tuple[Line, ...]:
    trained: tuple[Line, ...] = (
        ("dropout is on in training and off by default", check_dropout),
        ("every trainable variable has a gradient", check_gradients),
    )
    refused: tuple[Line, ...] = (
        ("inference is the default", check_dropout),
        ("training is refused, as weights in half precision cannot be trained", check_training_is_refused),
    )
    return (
        ("has variables, trainable_variables, regularization_losses", check_variables),
        ("maps each text to a float32 embedding", check_embeddings),
        ("an embedding does not depend on the other texts of the batch", check_independence),
        *(refused if for_inference else trained),
        ("serving_default maps texts to one output", partial(check_signature, outputs=1)),
        ("it is kept when the module is saved again", partial(check_saving_again, outputs=1)),
        ("works in Keras 2 models", check_keras_2),
        ("contains its vocabulary and casing", check_vocabulary),
        ("contains no local file paths", check_local_paths),
    )


PREPROCESSING_LINES: tuple[Line, ...] = (
    ("maps texts to int32 encoder inputs", check_encoder_inputs),
    ("special tokens are at their positions", check_special_tokens),
    ("tokenizes, and packs one or two segments", check_packing),
    ("serving_default maps texts to encoder inputs", partial(check_signature, outputs=len(ENCODER_INPUTS))),
    ("it is kept when the module is saved again", partial(check_saving_again, outputs=len(ENCODER_INPUTS))),
    ("works in Keras 2 models", check_keras_2),
    ("contains its vocabulary and casing", check_vocabulary),
    ("contains no local file paths", check_local_paths),
)
