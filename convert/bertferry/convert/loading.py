"""Loads a checkpoint into a network."""

import tensorflow as tf
import tf_keras

from bertferry.convert.checkpoint import Checkpoint
from bertferry.convert.heads import with_task
from bertferry.core.parameters import canonical_axes
from bertferry.modeling.builders import task_model
from bertferry.modeling.variables import named_variables


def load_network(checkpoint: Checkpoint, task: str = "encoder", float_dtype: str = "float32") -> tf_keras.Model:
    """The Keras network of a task, built from the checkpoint's configuration, with the checkpoint's values.

    Raises:
      DataError: the checkpoint lacks a parameter of the task, or its bytes are damaged.
    """
    checkpoint = with_task(checkpoint, task)
    # Every value is about to be replaced: random initialization would take longer than everything else.
    classes, spec = checkpoint.sizes.get("classes"), checkpoint.task(task)
    pooler = spec.pooler or spec.needs_pooler
    model = task_model(checkpoint.config, task, classes, float_dtype, "zeros", pooler=pooler)
    for name, variable in named_variables(model).items():
        variable.assign(tf.cast(checkpoint.read(name, canonical_axes(name)), variable.dtype))
    return model
