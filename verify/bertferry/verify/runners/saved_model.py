"""Runs SavedModels: as a layer, the way fine-tuning code does, or by signature, the way a server does."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from bertferry.convert.quiet import held_back_stderr
from bertferry.modeling.errors import DataError, UsageError, first_line
from bertferry.verify.runners.device import device_name
from bertferry.verify.signature import CONVENIENCES, ENCODER_INPUTS, POSITIONS_INPUT, task_inputs

SIGNATURE = "serving_default"


MLM: dict[str, tuple[str, ...]] = {"mlm": (*ENCODER_INPUTS, POSITIONS_INPUT)}
SUB_OBJECTS: dict[str, dict[str, tuple[str, ...]]] = {"mlm": MLM, "pretrainer": {**MLM, "nsp": ENCODER_INPUTS}}
"""What computes a task's heads, and from what, beside the root, which is the encoder then."""


class HubRunner:
    """A module behind `hub.KerasLayer`, called with a dict, dropout off; a task's heads are its sub-objects."""

    def __init__(self, path: Path, device: str, task: str = "encoder") -> None:
        with held_back_stderr():
            import tensorflow_hub as hub
        self.name = str(path)
        self.shares_mask = (path / "MANIFEST.json").is_file()
        self._device = device_name(device)
        try:
            with tf.device(self._device):
                root = hub.KerasLayer(str(path))
                self.loaded = root.resolved_object
                self._layers: list[tuple[Any, tuple[str, ...]]] = [(root, ENCODER_INPUTS)]
                for name, needed in SUB_OBJECTS.get(task, {}).items():
                    if not hasattr(self.loaded, name):
                        raise DataError(f"{path}: no .{name} in it, which task {task} needs")
                    self._layers.append((hub.KerasLayer(getattr(self.loaded, name)), needed))
        except (ValueError, OSError, tf.errors.OpError, RuntimeError) as error:
            raise DataError(f"{path}: not a loadable Hub module: {first_line(error)}") from error
        self._by_list = not any(isinstance(inputs, Mapping) for inputs in _declared(self.loaded) or [{}])
        specs = {name: tf.TensorSpec([None, None], tf.int32, name) for name in task_inputs(task)}
        # Traced once for every shape, where the module takes every shape: one that does not has to show it.
        shapes = [spec.shape for spec in tf.nest.flatten(_declared(self.loaded))]
        free = all(shape.rank is None or shape.as_list() == [None, None] for shape in shapes)
        self._compute = tf.function(self._outputs, input_signature=[specs]) if free else self._outputs

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The outputs of the root call and of the sub-objects, by name."""
        with tf.device(self._device):
            outputs = self._compute({name: tf.constant(array, tf.int32) for name, array in inputs.items()})
        return {name: tensor.numpy() for name, tensor in outputs.items()}

    def _outputs(self, inputs: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        if self._by_list:
            pooled, sequence = self._layers[0][0]([inputs[name] for name in ENCODER_INPUTS])
            return {"pooled_output": pooled, "sequence_output": sequence}
        got: dict[str, tf.Tensor] = {}
        for layer, needed in self._layers:
            outputs = layer({name: inputs[name] for name in needed})
            if not isinstance(outputs, Mapping):
                raise ValueError("the module answers a dict of inputs with something else than a dict")
            got |= {name: tensor for name, tensor in outputs.items() if name not in CONVENIENCES}
        return got


def _declared(module: Any) -> list[Any]:
    """The inputs of every form in which a loaded module can be called: dicts or lists of `tf.TensorSpec`s.

    Modules /1 and /2 on tfhub.dev have lists alone.
    """
    try:
        functions = module.__call__.concrete_functions
    except AttributeError:  # not one that was traced
        return []
    given = [function.structured_input_signature[0] for function in functions]
    return [arguments[0] for arguments in given if arguments]


def load_saved_model(path: Path) -> Any:
    """The SavedModel's root object.

    Raises:
      DataError: TensorFlow cannot load it.
    """
    try:
        return tf.saved_model.load(str(path))
    except (ValueError, OSError, tf.errors.OpError, RuntimeError) as error:
        raise DataError(f"{path}: not a loadable SavedModel: {first_line(error)}") from error


class SignatureRunner:
    """One of a SavedModel's signatures, with its own input and output names."""

    def __init__(self, path: Path, device: str, signature: str = SIGNATURE, loaded: Any = None) -> None:
        self.name = str(path)
        self.shares_mask = (path / "MANIFEST.json").is_file()
        self._device = device_name(device)
        if loaded is None:
            with tf.device(self._device):
                loaded = load_saved_model(path)
        self._loaded = loaded
        if signature not in self._loaded.signatures:
            raise UsageError(
                f"{path}: no signature {signature!r}: there are {', '.join(self._loaded.signatures) or 'none'}"
            )
        self._signature = self._loaded.signatures[signature]

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The signature's outputs by name."""
        expected = self._signature.structured_input_signature[1]
        with tf.device(self._device):
            tensors = {name: tf.cast(inputs[name], spec.dtype) for name, spec in expected.items()}
            outputs = self._signature(**tensors)
        return {name: tensor.numpy() for name, tensor in outputs.items()}
