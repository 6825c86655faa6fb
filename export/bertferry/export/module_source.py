"""A Hub module as the source of another one: its weights, its vocabulary, and the activation that it computes."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from bertferry.convert import Checkpoint, SourceOptions, open_checkpoint
from bertferry.core.errors import DataError, UsageError

CASING = "do_lower_case"


def open_module(directory: Path, options: SourceOptions = SourceOptions()) -> Checkpoint:
    """The variables of a module of any style, as a checkpoint.

    Raises:
      UsageError: no module there, or something that neither its variables nor its graph show.
      DataError: its variables are no encoder's.
    """
    if not (directory / "saved_model.pb").is_file():
        raise UsageError(f"{directory}: not a Hub module: no saved_model.pb in it")
    activation = options.activation or detect_activation(directory)
    return open_checkpoint(directory, replace(options, activation=activation))


def detect_activation(directory: Path) -> str | None:
    """The activation that a module's functions compute, where they compute one of BERT's.

    The exact gelu goes through erf; its tanh approximation has one Tanh a layer beside that of the pooler.
    """
    from google.protobuf.message import DecodeError

    from bertferry.modeling.tf_compat import SavedModel

    try:
        model = SavedModel.FromString((directory / "saved_model.pb").read_bytes())
    except (OSError, DecodeError) as error:
        raise DataError(f"{directory / 'saved_model.pb'}: not a readable SavedModel: {error}") from error
    functions = model.meta_graphs[0].graph_def.library.function
    # The network stands in the longest of them: the others are ways to call it.
    longest = max(functions, key=lambda function: len(function.node_def), default=None)
    used = Counter(node.op for node in longest.node_def) if longest else Counter()
    if used["Erf"] + used["Erfc"]:
        return "gelu_erf"
    if used["Relu"]:
        return "relu"
    return "gelu_tanh" if used["Tanh"] > 1 else None


def read_casing(directory: Path) -> bool | None:
    """Whether the module says that its texts are lower-cased."""
    import tensorflow as tf

    reader = tf.train.load_checkpoint(str(directory / "variables" / "variables"))
    keys = [key for key in reader.get_variable_to_shape_map() if key.split("/")[0] == CASING]
    return bool(np.asarray(reader.get_tensor(keys[0]))) if keys else None
