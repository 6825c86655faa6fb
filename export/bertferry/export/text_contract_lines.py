"""The lines of the contracts of modules that take strings: text embeddings, and preprocessing for an encoder.

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
    check_variables,
    check_vocabulary,
    require,
    sample,
    tolerance_of,
)
from bertferry.modeling.tf_compat import LoadedModule, list_declared_inputs
from bertferry.verify.runners.saved_model import load_saved_model

TEXTS = ("a man is playing a guitar", "", "word " * 1000)
"""Of usual length, empty, and longer than any network takes."""
SHORT = 8
SPECIAL = ("start_of_sequence_id", "end_of_segment_id", "padding_id", "mask_id", "vocab_size")


@dataclass(frozen=True)
class TextSubject:
    """A loaded module that takes strings, and the layer that calls it."""

    path: Path
    root: Any
    layer: Any

    @classmethod
    def of(cls, path: Path, root: LoadedModule) -> "TextSubject":
        """Of a module that has been loaded."""
        import tensorflow_hub as hub

        trainable = hasattr(root, "trainable_variables")  # without this the layer never passes `training` on
        return cls(path, root, hub.KerasLayer(root, trainable=trainable))

    @property
    def tolerance(self) -> float:
        """How far embeddings may move by nothing but another order of sums."""
        return tolerance_of(getattr(self.root, "variables", ()))

    def call(self, texts: tuple[str, ...] = TEXTS, **options: bool) -> Any:  # noqa: ANN401 - vectors or a dict
        """The root call."""
        return self.layer(tf.constant(texts, tf.string), **options)


def takes_texts(root: LoadedModule) -> bool:
    """Whether a module's root maps strings."""
    return any(spec.dtype == tf.string for spec in tf.nest.flatten(list_declared_inputs(root)))


def text_contract(root: LoadedModule) -> tuple[str, tuple[Line, ...]]:
    """What a module that takes strings is, and the lines of its contract."""
    answers = [function.structured_outputs for function in root.__call__.concrete_functions]
    if any(isinstance(answer, Mapping) for answer in answers):
        return "preprocessing", PREPROCESSING_LINES
    return "text embedding", EMBEDDING_LINES


def check_embeddings(subject: TextSubject) -> None:
    vectors = subject.call()
    require(isinstance(vectors, tf.Tensor), f"answers with {type(vectors).__name__}")
    require(vectors.dtype == tf.float32, f"embeddings are {vectors.dtype.name}")
    require(vectors.shape.rank == 2 and len(vectors) == len(TEXTS), f"embeddings have shape {vectors.shape}")
    require(bool(np.isfinite(vectors).all()), "embeddings are not finite")


def check_independence(subject: TextSubject) -> None:
    worst = float(np.abs(subject.call()[0] - subject.call(TEXTS[:1])[0]).max())
    require(worst <= subject.tolerance, f"a text alone differs by {worst:.1e}")


def check_dropout(subject: TextSubject) -> None:
    still, default = subject.call(training=False), subject.call()
    require(np.allclose(still, default, atol=subject.tolerance), "inference is not the default")
    one, other = (subject.call(training=True) for _ in range(2))
    require(not np.allclose(one, other, atol=subject.tolerance), "two calls in training agree: dropout is off")


def check_gradients(subject: TextSubject) -> None:
    weights = getattr(subject.root, "trainable_variables", ())
    require(len(weights) > 0, "no trainable variables")
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(subject.call(training=True) ** 3)
    without = [
        weight.name
        for weight, gradient in zip(weights, tape.gradient(loss, list(weights)), strict=True)
        if gradient is None
    ]
    require(not without, f"none reaches {sample(without)}")


def check_encoder_inputs(subject: TextSubject) -> None:
    inputs = subject.call()
    require(isinstance(inputs, Mapping), f"answers with {type(inputs).__name__}")
    missing = [name for name in ENCODER_INPUTS if name not in inputs]
    require(not missing, f"no {', '.join(missing)}")
    shapes = {tuple(inputs[name].shape) for name in ENCODER_INPUTS}
    require(len(shapes) == 1 and len(next(iter(shapes))) == 2, f"inputs have shapes {sorted(shapes)}")
    require(len(inputs[ENCODER_INPUTS[0]]) == len(TEXTS), f"{len(TEXTS)} texts become rows of another number")
    types = {inputs[name].dtype.name for name in ENCODER_INPUTS}
    require(types == {"int32"}, f"inputs are {', '.join(sorted(types))}")


def check_special_tokens(subject: TextSubject) -> None:
    known = subject.root.tokenize.get_special_tokens_dict()
    missing = [name for name in SPECIAL if name not in known]
    require(not missing, f"no {', '.join(missing)}")
    token = {name: int(known[name]) for name in SPECIAL}
    ids, mask = (np.asarray(subject.call()[name]) for name in ("input_word_ids", "input_mask"))
    require(bool((ids[:, 0] == token["start_of_sequence_id"]).all()), "a row does not begin with its token")
    ends = ids[np.arange(len(ids)), mask.sum(axis=1) - 1]
    require(bool((ends == token["end_of_segment_id"]).all()), "a segment does not end with its token")
    require(bool((ids[mask == 0] == token["padding_id"]).all()), "what is masked is no padding")
    require(int(ids.max()) < token["vocab_size"], "an id is beyond the vocabulary")


def check_packing(subject: TextSubject) -> None:
    pieces = subject.root.tokenize(tf.constant(TEXTS))
    require(isinstance(pieces, tf.RaggedTensor), f".tokenize answers with {type(pieces).__name__}")
    for segments in (1, 2):
        packed = subject.root.bert_pack_inputs([pieces] * segments, tf.constant(SHORT))
        length = packed["input_word_ids"].shape[1]
        require(length == SHORT, f"{segments} segments in {SHORT} positions are {length} long")
        types = int(tf.reduce_max(packed["input_type_ids"]))
        require(types == segments - 1, f"of {segments} segments the last has type {types}")
    inputs, packed = subject.call(), subject.root.bert_pack_inputs([pieces])
    same = all(np.array_equal(inputs[name], packed[name]) for name in ENCODER_INPUTS)
    require(same, "tokenizing and packing gives something else than the root call")


def check_signature(subject: TextSubject, outputs: int, path: Path | None = None) -> None:
    signatures = (load_saved_model(path) if path else subject.root).signatures
    require("serving_default" in signatures, f"no serving_default, only {', '.join(signatures) or 'none'}")
    given = list(signatures["serving_default"].structured_input_signature[1].values())
    strings = [spec.dtype.name for spec in given]
    require(strings == ["string"], f"inputs are {', '.join(strings)}")
    names = sorted(signatures["serving_default"].structured_outputs)
    wanted = sorted(ENCODER_INPUTS) if outputs == len(ENCODER_INPUTS) else names[:1]
    require(names == wanted, f"outputs are {sample(names)}")


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


EMBEDDING_LINES: tuple[Line, ...] = (
    ("has variables, trainable_variables, regularization_losses", check_variables),
    ("maps texts to float32 embeddings, one each", check_embeddings),
    ("a text's embedding does not depend on the others", check_independence),
    ("dropout is on in training and off by default", check_dropout),
    ("gradients reach every trainable variable", check_gradients),
    ("serving_default maps texts to one output", partial(check_signature, outputs=1)),
    ("it survives being saved again", partial(check_saving_again, outputs=1)),
    ("Keras 2 models hold it", check_keras_2),
    ("vocabulary and casing are its assets", check_vocabulary),
    ("no path of a machine in any file", check_local_paths),
)
PREPROCESSING_LINES: tuple[Line, ...] = (
    ("maps texts to an encoder's int32 inputs", check_encoder_inputs),
    ("special tokens stand where it says", check_special_tokens),
    ("tokenizes, and packs one segment and two", check_packing),
    ("serving_default maps texts to an encoder's inputs", partial(check_signature, outputs=len(ENCODER_INPUTS))),
    ("it survives being saved again", partial(check_saving_again, outputs=len(ENCODER_INPUTS))),
    ("Keras 2 models hold it", check_keras_2),
    ("vocabulary and casing are its assets", check_vocabulary),
    ("no path of a machine in any file", check_local_paths),
)
