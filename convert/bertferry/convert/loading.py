"""From a checkpoint to a network that holds its values."""

import tf_keras

from bertferry.convert.checkpoint import Checkpoint
from bertferry.modeling.builders import Task, task_model
from bertferry.modeling.errors import DataError
from bertferry.modeling.variables import named_variables


def load_network(checkpoint: Checkpoint, task: Task = "encoder", float_dtype: str = "float32") -> tf_keras.Model:
    """The Keras network of a task, built from the checkpoint's configuration, with the checkpoint's values.

    Raises:
      DataError: the checkpoint lacks a parameter of the task, or its bytes are damaged.
    """
    checkpoint.check_bert()
    if task == "classifier" and "classifier" not in checkpoint.heads:
        raise DataError(f"{checkpoint.location.path}: no classifier/kernel, classifier/bias in it")
    # Every value is about to be replaced: drawing them at random would take longer than all the rest.
    model = task_model(checkpoint.config, task, checkpoint.sizes.get("classes"), float_dtype, "zeros")
    variables = named_variables(model)
    missing = [name for name in variables if name not in checkpoint.parameters]
    if missing:
        raise DataError(f"{checkpoint.location.path}: no {', '.join(missing)} in it, which task {task} needs")
    for name, variable in variables.items():
        variable.assign(checkpoint.read(name).astype(variable.dtype.as_numpy_dtype, copy=False))
    return model
