"""Opens a Hub module as the source of another one: weights, vocabulary, and the activation that it computes."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from bertferry.convert import Checkpoint, SourceOptions, open_checkpoint
from bertferry.convert.vocabulary import TOKENIZER_CONFIG
from bertferry.core.errors import DataError, UsageError
from bertferry.core.manifest import read_manifest
from bertferry.core.tasks import TASKS
from bertferry.verify.saved_model_interface import versions_in

CASING = "do_lower_case"
OTHER_ACTIVATIONS = {"Softplus", "Softsign", "Relu6", "LeakyRelu", "Elu", "Selu"}
"""Operations of activations that no released BERT has."""


def open_module(directory: Path, options: SourceOptions = SourceOptions()) -> Checkpoint:
    """Opens the variables of a module of any style as a checkpoint.

    Raises:
      UsageError: not a module, or neither its variables nor its graph determine the configuration.
      DataError: its variables are not those of an encoder.
    """
    if not (directory / "saved_model.pb").is_file():
        raise UsageError(f"{directory}: not a Hub module: it contains no saved_model.pb{versions_in(directory)}")
    detected = detect_activation(directory)
    described = options.config is not None or read_manifest(directory) is not None
    # A configuration decides: if it is wrong, the comparison with the module shows it.
    activation = options.activation or (None if described else detected)
    casing = options.do_lower_case
    if casing is None and not (directory / "assets" / TOKENIZER_CONFIG).is_file():
        casing = read_casing(directory)
    return open_checkpoint(directory, replace(options, activation=activation, do_lower_case=casing))


def check_task(directory: Path, task: str) -> None:
    """Refuses to export the encoder's outputs from a module of this project that does not return them.

    Raises:
      UsageError: naming the task of the module.
    """
    manifest = read_manifest(directory)
    if manifest is None or manifest.task == task or task not in TASKS:
        return
    if manifest.task not in TASKS or not TASKS[manifest.task].encoder:
        raise UsageError(f"{directory}: a module of task {manifest.task}", f"give --task {manifest.task}")


def is_tf1_format(directory: Path) -> bool:
    """Whether a module is of tensorflow-hub before 0.8: it has signatures in place of functions."""
    return (directory / "tfhub_module.pb").is_file()


def detect_activation(directory: Path) -> str | None:
    """The activation that a module's functions compute, or None if it is none of BERT's.

    The exact gelu uses erf; its tanh approximation has one Tanh per layer besides that of the pooler. A function
    holds all layers, or one that is called for each.
    """
    from google.protobuf.message import DecodeError

    from bertferry.modeling.tf_compat import SavedModel

    try:
        model = SavedModel.FromString((directory / "saved_model.pb").read_bytes())
    except (OSError, DecodeError) as error:
        raise DataError(f"{directory / 'saved_model.pb'}: not a readable SavedModel: {error}") from error
    if not model.meta_graphs:
        raise DataError(f"{directory / 'saved_model.pb'}: not a readable SavedModel: it contains no graph")
    functions = model.meta_graphs[0].graph_def.library.function
    # The longest function with attention is the network, or its block: the others are wrappers around it.
    attending = [function for function in functions if any(node.op == "Softmax" for node in function.node_def)]
    longest = max(attending or functions, key=lambda function: len(function.node_def), default=None)
    if longest is None:
        return None
    operations = Counter(node.op for node in longest.node_def)
    if operations.keys() & OTHER_ACTIVATIONS:
        return None
    if operations["Erf"] + operations["Erfc"]:
        return "gelu_erf"
    if operations["Relu"]:
        return "relu"
    calls = max(
        sum(node.attr["f"].func.name == longest.signature.name for node in function.node_def)
        for function in functions
    )
    return "gelu_tanh" if operations["Tanh"] * max(calls, 1) > 1 else None


def read_casing(directory: Path) -> bool | None:
    """Whether the module lower-cases texts, or None if it does not say."""
    import tensorflow as tf

    reader = tf.train.load_checkpoint(str(directory / "variables" / "variables"))
    keys = [key for key in reader.get_variable_to_shape_map() if key.split("/")[0] == CASING]
    return bool(np.asarray(reader.get_tensor(keys[0]))) if keys else None
