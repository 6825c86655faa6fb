"""Networks with the weights of a converted checkpoint, and checkpoints of what they were trained to."""

from pathlib import Path
from typing import TYPE_CHECKING

from bertferry.convert.checkpoint import Checkpoint
from bertferry.convert.converter import CHECKPOINT_NAME, write_other_files
from bertferry.convert.plan import Plan
from bertferry.core.atomic import new_directory
from bertferry.core.parameters import canonical_axes

if TYPE_CHECKING:
    import tf_keras


def load_weights(network: "tf_keras.Model", checkpoint: Checkpoint) -> None:
    """Gives a network the values of a checkpoint; those of heads that it lacks stay as they were initialized.

    Raises:
      DataError: its bytes are damaged.
    """
    import tensorflow as tf

    from bertferry.modeling.variables import named_variables

    for name, variable in named_variables(network).items():
        if name not in checkpoint.initialized:
            variable.assign(tf.cast(checkpoint.read(name, canonical_axes(name)), variable.dtype))


def write_checkpoint(folder: Path, network: "tf_keras.Model", work: Plan) -> None:
    """Writes a network as a converted checkpoint, with the configuration and the tokenizer of its source.

    Raises:
      UsageError: it cannot be written.
    """
    import tensorflow as tf

    with new_directory(folder, overwrite=True) as staging:
        write_other_files(staging, work)
        tf.train.Checkpoint(model=network).write(str(staging / CHECKPOINT_NAME))


def describe_fresh(checkpoint: Checkpoint) -> str:
    """A line about parameters that are random at first, '' if there are none."""
    names = ", ".join(checkpoint.initialized)
    return f"not in {checkpoint.location.path}, random at first: {names}" if names else ""
