"""Runs SavedModels: as a layer, like fine-tuning code, or by signature, like a server."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from bertferry.core.errors import DataError, UsageError, first_line
from bertferry.core.extras import check_installed
from bertferry.core.manifest import read_manifest
from bertferry.core.tasks import CONVENIENCES, ENCODER_INPUTS, GRAPH_TASKS, inputs_of
from bertferry.modeling.tf_compat import LoadedModule, list_declared_inputs
from bertferry.verify.execution import DEFAULT_EXECUTION, Execution
from bertferry.verify.kinds import SIGNATURE
from bertferry.verify.runner import Arrays
from bertferry.verify.runners.device import Device
from bertferry.verify.runners.device_function import DeviceFunction

LOADING_ERRORS = (ValueError, OSError, tf.errors.OpError, RuntimeError, IndexError, KeyError, TypeError)
"""What TensorFlow raises for damaged files."""
TEXT = "tensorflow_text"
UNKNOWN_OPERATION = "Op type not registered "


class HubRunner:
    """A module in `hub.KerasLayer`, called with a dict, dropout off; a task's heads are its sub-objects."""

    def __init__(self, path: Path, task: str = "encoder", execution: Execution = DEFAULT_EXECUTION) -> None:
        import tensorflow_hub as hub

        self.name = str(path)
        self.shares_mask = read_manifest(path) is not None
        device = Device(execution)
        try:
            with device.scope():
                root = hub.KerasLayer(str(path))
                self.loaded = root.resolved_object
                self._layers: list[tuple[Any, dict[str, tf.DType]]] = [(root, _types(self.loaded, ENCODER_INPUTS))]
                # If the root is the encoder, the heads are separate sub-objects.
                for head in GRAPH_TASKS[task].heads if GRAPH_TASKS[task].encoder else ():
                    if not hasattr(self.loaded, head):
                        raise DataError(f"{path}: missing .{head} (required by task {task})")
                    part = getattr(self.loaded, head)
                    self._layers.append((hub.KerasLayer(part), _types(part, inputs_of((head,)))))
        except LOADING_ERRORS as error:
            raise _loading_fault(path, "Hub module", error) from error
        declared = list_declared_inputs(self.loaded)
        # Modules /1 and /2 on tfhub.dev take lists only.
        self._by_list = not any(isinstance(inputs, Mapping) for inputs in declared or [{}])
        shapes = [spec.shape for spec in tf.nest.flatten(declared)]
        any_shape = all(shape.rank is None or shape.as_list() == [None, None] for shape in shapes)
        names = tuple(dict.fromkeys(name for _, types in self._layers for name in types))
        self._function = DeviceFunction(self.outputs, names, device, any_shape=any_shape)

    def run(self, inputs: Arrays) -> dict[str, np.ndarray]:
        """The outputs of the root call and of the sub-objects, by name."""
        return self._function(inputs)

    def points(self, inputs: Arrays, given: Arrays | None = None) -> dict[str, np.ndarray]:
        """Intermediate values, if the module is one of this project."""
        return self._function.points(inputs, given)

    def outputs(self, inputs: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """The outputs as tensors."""
        if self._by_list:
            pooled, sequence = self._layers[0][0]([inputs[name] for name in ENCODER_INPUTS])
            return {"pooled_output": pooled, "sequence_output": sequence}
        results: dict[str, tf.Tensor] = {}
        for layer, types in self._layers:
            outputs = layer({name: tf.cast(inputs[name], dtype) for name, dtype in types.items()})
            if not isinstance(outputs, Mapping):
                raise ValueError("the module does not return a dict for a dict of inputs")
            results |= {name: tensor for name, tensor in outputs.items() if name not in CONVENIENCES}
        return results


def _types(module: LoadedModule, otherwise: tuple[str, ...]) -> dict[str, tf.DType]:
    """The types of the inputs with which a module is called by name, or int32 for the usual ones."""
    declared = next((inputs for inputs in list_declared_inputs(module) if isinstance(inputs, Mapping)), {})
    types = {name: spec.dtype for name, spec in declared.items()}
    return types or dict.fromkeys(otherwise, tf.int32)


def load_saved_model(path: Path, tags: list[str] | None = None) -> LoadedModule:
    """Loads a SavedModel, the graph with these tags if it has several, and returns its root object.

    Raises:
      DataError: TensorFlow cannot load it.
      UnavailableError: it contains operations that are not TensorFlow's, and TensorFlow Text is not installed.
    """
    try:
        return tf.saved_model.load(str(path), tags=tags)
    except LOADING_ERRORS as error:
        raise _loading_fault(path, "SavedModel", error) from error


def _loading_fault(path: Path, kind: str, error: Exception) -> DataError:
    """The error of a module that cannot be loaded, unless TensorFlow Text may be what it lacks."""
    reason = first_line(error)
    if UNKNOWN_OPERATION in reason:
        operation = reason.split(UNKNOWN_OPERATION)[1].split()[0]
        check_installed(f"{path}: loading its operation {operation}", TEXT)
        reason = f"{UNKNOWN_OPERATION}{operation}"
    return DataError(f"{path}: not a loadable {kind}: {reason}")


class SignatureRunner:
    """A signature of a SavedModel, with its own input and output names."""

    def __init__(
        self,
        path: Path,
        execution: Execution = DEFAULT_EXECUTION,
        signature: str = SIGNATURE,
        loaded: LoadedModule = None,
    ) -> None:
        self.name = str(path)
        self.shares_mask = read_manifest(path) is not None
        device = Device(execution)
        if loaded is None:
            with device.scope():
                loaded = load_saved_model(path)
        self._loaded = loaded
        if signature not in self._loaded.signatures:
            raise UsageError(
                f"{path}: no signature {signature!r}: it has {', '.join(self._loaded.signatures) or 'none'}"
            )
        self._signature = self._loaded.signatures[signature]
        self._specs = self._signature.structured_input_signature[1]
        shapes = [spec.shape for spec in self._specs.values()]
        any_shape = all(shape.rank is None or not any(shape.as_list()) for shape in shapes)
        self._function = DeviceFunction(self.outputs, tuple(self._specs), device, any_shape=any_shape)

    def run(self, inputs: Arrays) -> dict[str, np.ndarray]:
        """The signature's outputs by name."""
        return self._function(inputs)

    def points(self, inputs: Arrays, given: Arrays | None = None) -> dict[str, np.ndarray]:
        """Intermediate values, if the module is one of this project."""
        return self._function.points(inputs, given)

    def outputs(self, inputs: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """The outputs as tensors."""
        outputs: dict[str, tf.Tensor] = self._signature(
            **{name: tf.cast(inputs[name], spec.dtype) for name, spec in self._specs.items()}
        )
        return outputs
